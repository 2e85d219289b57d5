import type { Predicate } from '../predicate.ts';
import { FALSE, TRUE, and, mapLeaves, or } from '../predicate.ts';
import { comparePredicates, leafOf } from './compare-predicates.ts';
import type { Facts, KeyTest } from './tests-on-one-key.ts';
import { decide, keyTestOf, meetTests, not, predicateOf, subjectOf } from './tests-on-one-key.ts';

/**
 * The normal form of a predicate: met by the same charges, and the same data for predicates that differ only in order,
 * nesting, repetition and double negation. Negations stand on single tests alone, tests on one key are one where they
 * can be, parts that follow from others or contradict them are gone, the rest is in a canonical order. Never longer
 * than what came in; linear in the values of its lists.
 */
export function normalizePredicate(predicate: Predicate): Predicate {
  let current = predicate;
  for (;;) {
    const next = normalize({ predicate: current, isMet: true });
    const factored = factor(next);
    if (factored === next) return next;
    current = factored;
  }
}

type Kind = 'and' | 'or';
/** A predicate, or (not `isMet`) its complement. */
type Part = { readonly predicate: Predicate; readonly isMet: boolean };
const otherKind = { and: 'or', or: 'and' } as const;
const join = { and, or };

function normalize({ predicate, isMet }: Part): Predicate {
  switch (predicate.kind) {
    case 'true':
    case 'false':
      return isMet === (predicate.kind === 'true') ? TRUE : FALSE;
    case 'not':
      return normalize({ predicate: predicate.part, isMet: !isMet });
    case 'test':
    case 'member':
      return and(meetTests([keyTestOf(predicate, isMet)]).map(predicateOf));
    default: {
      const kind = isMet ? predicate.kind : otherKind[predicate.kind];
      const parts = flatParts(kind, { predicate, isMet });
      return normalizeJunction(kind, parts.map(normalize));
    }
  }
}

/** The parts of nested junctions of one kind, seen through negations. */
function flatParts(kind: Kind, part: Part): Part[] {
  const { predicate, isMet } = part;
  if (predicate.kind === 'not') return flatParts(kind, { predicate: predicate.part, isMet: !isMet });
  if (predicate.kind !== 'and' && predicate.kind !== 'or') return [part];
  const isOfKind = (predicate.kind === kind) === isMet;
  if (!isOfKind && predicate.parts.length !== 1) return [part];
  return predicate.parts.flatMap((inner) => flatParts(kind, { predicate: inner, isMet }));
}

/** What follows from what follows from… is looked for so far: nobody writes longer chains, and each round takes time. */
const ROUNDS_MAX = 20;

/** Parts are in normal form. Each round but the last drops a test. */
function normalizeJunction(kind: Kind, parts: readonly Predicate[]): Predicate {
  let current = parts;
  for (let round = 1; ; round++) {
    const joined = join[kind](current);
    if (joined.kind !== kind) return joined;
    const nested = joined.parts.filter((part) => leafOf(part) === null);
    const { tests, facts } = foldLeaves(kind, joined.parts);
    const told = nested.map((part) => tell(part, facts));
    if (round === ROUNDS_MAX || told.every((part, i) => part === nested[i]))
      return join[kind]([...tests, ...withoutAbsorbed(told)].toSorted(comparePredicates));
    current = [...tests, ...told];
  }
}

/**
 * The single tests among the parts, those on one key folded into the fewest; and the facts that other parts may take
 * for granted: in an `and` that the tests are met, in an `or` that they are not, or else the whole is.
 */
function foldLeaves(kind: Kind, parts: readonly Predicate[]): { tests: Predicate[]; facts: Facts } {
  const signed = (test: KeyTest) => (kind === 'and' ? test : not(test));
  const all = parts.flatMap((part) => {
    const leaf = leafOf(part);
    if (leaf === null) return [];
    return [{ subject: subjectOf(leaf), test: signed(keyTestOf(leaf, part.kind !== 'not')) }];
  });
  const facts = new Map(
    [...Map.groupBy(all, ({ subject }) => subject)].map(([subject, some]) => [
      subject,
      meetTests(some.map(({ test }) => test)),
    ]),
  );
  const tests = [...facts.values()].flat().map((test) => predicateOf(signed(test)));
  return { tests, facts };
}

/** A part without the tests that the facts decide; the same object where there is none. */
function tell(part: Predicate, facts: Facts): Predicate {
  const told = mapLeaves(part, (leaf) => {
    const isMet = decide(leaf, facts);
    return isMet === null ? leaf : isMet ? TRUE : FALSE;
  });
  return told === part ? part : normalize({ predicate: told, isMet: true });
}

/** Without repeats, and without junctions that hold all parts of another: (p or q) is met wherever p is. */
function withoutAbsorbed(junctions: readonly Predicate[]): Predicate[] {
  const known = [...new Map(junctions.map((junction) => [JSON.stringify(junction), junction])).values()];
  const all = known.map((junction) => ({ junction, texts: new Set(partTexts(junction)) }));
  const holders = Map.groupBy(
    all.flatMap((holder) => [...holder.texts].map((text) => ({ text, holder }))),
    ({ text }) => text,
  );
  const absorbed = new Set<Predicate>();
  for (const { texts } of all) {
    const fewest = [...texts]
      .map((text) => holders.get(text) ?? [])
      .reduce((fewer, some) => (some.length < fewer.length ? some : fewer));
    for (const { holder } of fewest)
      if (holder.texts.size > texts.size && texts.isSubsetOf(holder.texts)) absorbed.add(holder.junction);
  }
  return known.filter((junction) => !absorbed.has(junction));
}

function partTexts(predicate: Predicate): string[] {
  return ('parts' in predicate ? predicate.parts : [predicate]).map((part) => JSON.stringify(part));
}

/** (p and q) or (p and r) => p and (q or r), at any depth: p may then prune. The same object where nothing is common. */
function factor(predicate: Predicate): Predicate {
  if (!('parts' in predicate)) return predicate;
  const parts = predicate.parts.map(factor);
  const isSame = parts.every((part, i) => part === predicate.parts[i]);
  const factored = isSame ? predicate : join[predicate.kind](parts);
  if (factored.kind !== 'or' || !factored.parts.every((part) => part.kind === 'and')) return factored;
  const common = factored.parts
    .map((part) => new Set(partTexts(part)))
    .reduce((shared, texts) => shared.intersection(texts));
  if (common.size === 0) return factored;
  const [shared, rests] = [true, false].map((isCommon) =>
    factored.parts.map((part) =>
      and('parts' in part ? part.parts.filter((each) => common.has(JSON.stringify(each)) === isCommon) : []),
    ),
  );
  return and([...(shared?.slice(0, 1) ?? []), or(rests ?? [])]);
}
