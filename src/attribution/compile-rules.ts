/**
 * Rules as functions, for events: they are to carry their dimensions when they first become visible. Splits are not
 * applied here. Stores get SQL made of the same rule set, and give the same values.
 */
import type { Instant } from '../core/time-range.ts';
import { boundedDictionary } from './bounded-dictionary.ts';
import type { Slots } from './compile-condition.ts';
import { compileCondition } from './compile-condition.ts';
import type { RowIndex, ValueOf } from './compile-value.ts';
import { compileValue, indexRows } from './compile-value.ts';
import { allEdges, evaluationOrder, keysOfDimension } from './dependencies.ts';
import type { Effective, Lookup, Rule, RuleSet } from './rule-set.ts';
import { isEffective } from './rule-set.ts';

export type CompiledRules = {
  /** Of the dimensions, in the order of the rule set. */
  readonly keys: readonly string[];
  /** Columns and tags that the rules look at. */
  readonly inputs: readonly string[];
  /** @param read gives the value of one of `inputs`, null where it is missing */
  readonly evaluate: (read: (key: string) => string | null, instant: Instant) => Evaluation;
};

/** Both in the order of `keys`. Shared by all that have the same inputs. */
export type Evaluation = {
  readonly values: readonly (string | null)[];
  /** Which rule of the dimension gave the value; null where none did. */
  readonly rules: readonly (number | null)[];
};

/** Sets of inputs whose values are kept; what is kept longest unasked goes first. */
export const DICTIONARY_ENTRIES_MAX = 200_000;
/** Of the inputs that are kept, as texts: 128 MB at most. */
export const DICTIONARY_CHARACTERS_MAX = 64_000_000;

export function compileRules(ruleSet: RuleSet): CompiledRules {
  const keys = ruleSet.dimensions.map(({ key }) => key);
  const looked = new Set(ruleSet.dimensions.flatMap((dimension) => [...keysOfDimension(dimension)]));
  const inputs = [...looked.difference(new Set(keys))];
  const evaluateSlots = compileDimensions(ruleSet, inputs);
  const edges = allEdges(ruleSet);
  const known = boundedDictionary<Evaluation>(DICTIONARY_ENTRIES_MAX, DICTIONARY_CHARACTERS_MAX);
  // Used again for each call: nothing is allocated for what is known but the text.
  const slots: Slots = Array.from({ length: inputs.length + keys.length }, () => null);
  const masks = Math.ceil(inputs.length / MASK_BITS);
  const texts: string[] = Array.from({ length: inputs.length + masks + 1 }, () => '');
  return {
    keys,
    inputs,
    evaluate(read, instant) {
      let mask = 0; // Tells what is missing from what is empty.
      for (let i = 0; i < inputs.length; i++) {
        const value = read(inputs[i] ?? '');
        slots[i] = value;
        texts[i] = value ?? '';
        mask = (mask << 1) | (value === null ? 1 : 0);
        if (i % MASK_BITS === MASK_BITS - 1 || i === inputs.length - 1) {
          texts[inputs.length + Math.floor(i / MASK_BITS)] = String(mask);
          mask = 0;
        }
      }
      if (edges.length > 0) texts[texts.length - 1] = String(stretchOf(instant, edges));
      const text = texts.join('\0');
      const found = known.get(text);
      if (found !== undefined) return found;
      const evaluation = evaluateSlots(slots, instant);
      // With a NUL in a value the text has one too many to be that of any set that is kept.
      if (!texts.some((part) => part.includes('\0'))) known.set(text, evaluation);
      return evaluation;
    },
  };
}

const MASK_BITS = 30;

/** How many edges are at or before the instant: between two, values follow from the inputs alone. */
function stretchOf(instant: Instant, edges: readonly Instant[]): number {
  let [from, to] = [0, edges.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((edges[middle] ?? Infinity) <= instant) from = middle + 1;
    else to = middle;
  }
  return from;
}

type CompiledRule = {
  readonly index: number;
  /** Null: at all times. */
  readonly effective: Effective | null;
  readonly isMet: ((slots: Slots) => boolean) | null;
  readonly valueOf: ValueOf;
};

/** Fills the slots of the dimensions, which stand behind those of the inputs. */
function compileDimensions(
  ruleSet: RuleSet,
  inputs: readonly string[],
): (slots: Slots, instant: Instant) => Evaluation {
  const places = new Map([...inputs, ...ruleSet.dimensions.map(({ key }) => key)].map((key, i) => [key, i]));
  const slotOf = (key: string): number => places.get(key) ?? -1;
  const lookups = new Map(ruleSet.lookups.map((lookup) => [lookup.name, lookup]));
  const indexOf = rowIndexes();
  const compileRule = (rule: Rule, index: number): CompiledRule => ({
    index,
    effective: unlessAlways(rule.effective),
    isMet: compileCondition(rule.when, slotOf),
    valueOf: compileValue(rule.value, slotOf, lookups, indexOf),
  });
  const steps = evaluationOrder(ruleSet).map((dimension) => ({
    dimension,
    slot: slotOf(dimension.key),
    effective: unlessAlways(dimension.effective),
    rules: dimension.rules.map(compileRule),
  }));
  return (slots, instant) => {
    const rules: (number | null)[] = Array.from({ length: steps.length }, () => null);
    for (const { dimension, slot, effective, rules: compiled } of steps) {
      slots[slot] = null;
      if (effective !== null && !isEffective(effective, instant)) continue;
      const rule = decide(compiled, slots, instant);
      slots[slot] = rule === null ? dimension.otherwise : rule.value;
      rules[slot - inputs.length] = rule === null ? null : rule.index;
    }
    return { values: slots.slice(inputs.length), rules };
  };
}

function decide(
  rules: readonly CompiledRule[],
  slots: Slots,
  instant: Instant,
): { readonly index: number; readonly value: string } | null {
  for (const { index, effective, isMet, valueOf } of rules) {
    if (effective !== null && !isEffective(effective, instant)) continue;
    if (isMet !== null && !isMet(slots)) continue;
    const value = valueOf(slots, instant);
    if (value !== null) return { index, value };
  }
  return null;
}

function unlessAlways(effective: Effective): Effective | null {
  return effective.some(({ from, to }) => from === null && to === null) ? null : effective;
}

/** Each index of a lookup's rows is made once, however many rules use it. */
function rowIndexes(): (lookup: Lookup, on: readonly string[]) => RowIndex {
  const made = new Map<string, RowIndex>();
  return (lookup, on) => {
    const key = JSON.stringify([lookup.name, on]);
    const index = made.get(key) ?? indexRows(lookup, on);
    made.set(key, index);
    return index;
  };
}
