import type { ColumnProfile, CommonShare, SourceProfile } from '../catalog/source-profile.ts';
import { columnOf } from '../catalog/source-profile.ts';
import { unreachable } from '../core/unreachable.ts';
import type { Predicate, Test, ValueTest } from './predicate.ts';

/** Assumed where statistics say nothing: a third, as in System R. */
export const UNKNOWN_SELECTIVITY = 1 / 3;
export const UNKNOWN_VALUES = 1_000;

/** What a test leaves of a source. */
export type Left = {
  /** The part of its charges. */
  readonly charges: number;
  /** How many values, a missing one among them. */
  readonly values: number;
  /** The part of another column's values that go together with one that is left; null: not known. */
  readonly meets: (key: string) => number | null;
};

/** The part of a source's charges that meet a predicate. */
export function selectivity(predicate: Predicate, profile: SourceProfile): number {
  switch (predicate.kind) {
    case 'true':
      return 1;
    case 'false':
      return 0;
    case 'not':
      return 1 - selectivity(predicate.part, profile);
    case 'and':
      return together(predicate.parts.map((part) => selectivity(part, profile)));
    case 'or':
      return 1 - predicate.parts.reduce((product, part) => product * (1 - selectivity(part, profile)), 1);
    case 'member':
      return leftBy(predicate.test, profile).charges;
    case 'test':
      return leftBy(predicate, profile).charges;
    default:
      return unreachable(predicate);
  }
}

/** Conditions go together: beside the narrowest, each further one counts less. */
export function together(parts: readonly number[]): number {
  return parts.toSorted((a, b) => a - b).reduce((product, part, i) => product * part ** (1 / 2 ** i), 1);
}

/** The tests that every charge must meet which meets the predicate. */
export function requiredTests(predicate: Predicate): Test[] {
  if (predicate.kind === 'and') return predicate.parts.flatMap(requiredTests);
  if (predicate.kind === 'member') return [predicate.test];
  return predicate.kind === 'test' ? [predicate] : [];
}

const known = new WeakMap<SourceProfile, WeakMap<Test, Left>>();

/** Found once, for the rows and for the groups of every arm of a plan. */
export function leftBy(test: Test, profile: SourceProfile): Left {
  const ofProfile = known.get(profile) ?? new WeakMap<Test, Left>();
  known.set(profile, ofProfile);
  const left = ofProfile.get(test) ?? findLeft(test, profile);
  ofProfile.set(test, left);
  return left;
}

function findLeft({ key, test, orNull }: Test, profile: SourceProfile): Left {
  const column = columnOf(profile, key);
  const missing = column?.nullShare ?? 0;
  const present = presentValues(column);
  const listed = leftOfListed(test, column);
  const restValues = Math.max(0, present - listed.of);
  const part = column?.isComplete === true ? 0 : restPart(test, restValues, listed);
  const isMissingLeft = orNull && (missing > 0 || column === undefined);
  const values = Math.min(present, listed.values + restValues * part) + (isMissingLeft ? 1 : 0);
  return {
    charges: Math.min(1, listed.charges + unlistedShare(column) * part + (orNull ? missing : 0)),
    values,
    meets: (other) => {
      const usual = profile.pairDensity(key, other);
      if (usual === null) return null;
      const nulls = isMissingLeft ? [[column?.common.get(null), 1] as const] : [];
      const shown = [...listed.left, ...nulls].map(
        ([share, met]) => 1 - (share?.meets(other) ?? usual) * met,
      );
      const missedByAll = shown.reduce((product, each) => product * each, (1 - usual) ** (restValues * part));
      return 1 - missedByAll;
    },
  };
}

/** Distinct values without the missing one. */
function presentValues(column: ColumnProfile | undefined): number {
  if (column === undefined) return UNKNOWN_VALUES;
  return Math.max(0, column.values - (column.nullShare > 0 ? 1 : 0));
}

type OfListed = {
  readonly charges: number;
  /** Listed values that meet the test, of all that are listed. */
  readonly values: number;
  readonly of: number;
  /** Each with how sure it is that it meets the test. */
  readonly left: readonly (readonly [CommonShare, number])[];
};

function leftOfListed(test: ValueTest, column: ColumnProfile | undefined): OfListed {
  const found = { charges: 0, values: 0, of: 0 };
  const left: [CommonShare, number][] = [];
  const meets = valueTester(test);
  for (const [value, share] of column?.common ?? []) {
    if (value === null) continue;
    found.of += 1;
    const met = meets(value);
    if (met === 0) continue;
    found.values += met;
    found.charges += share.charges * met;
    left.push([share, met]);
  }
  return { ...found, left };
}

/** 1 where a value meets the test, 0 where not, something between where that is not known. */
function valueTester(test: ValueTest): (value: string) => number {
  switch (test.op) {
    case 'any':
      return () => 1;
    case 'none':
      return () => 0;
    case 'in':
    case 'notIn': {
      const fold = foldOf(test.ignoreCase);
      const asked = new Set(test.values.map(fold));
      return (value) => Number(asked.has(fold(value)) === (test.op === 'in'));
    }
    case 'startsWith':
    case 'endsWith':
    case 'contains': {
      const fold = foldOf(test.ignoreCase);
      const wanted = fold(test.value);
      const places = {
        startsWith: (value: string) => value.startsWith(wanted),
        endsWith: (value: string) => value.endsWith(wanted),
        contains: (value: string) => value.includes(wanted),
      };
      const isMet = places[test.op];
      return (value) => Number(isMet(fold(value)));
    }
    case 'matches':
      return () => UNKNOWN_SELECTIVITY;
    default:
      return unreachable(test);
  }
}

function foldOf(ignoreCase: boolean): (text: string) => string {
  return ignoreCase ? (text) => text.toLowerCase() : (text) => text;
}

/** Of charges with a value that is not listed, the part that meets the test. */
function restPart(test: ValueTest, values: number, listed: OfListed): number {
  switch (test.op) {
    case 'any':
      return 1;
    case 'none':
      return 0;
    case 'in':
      return Math.min(1, Math.max(0, test.values.length - listed.values) / Math.max(1, values));
    case 'notIn':
      return (
        1 - Math.min(1, Math.max(0, test.values.length - listed.of + listed.values) / Math.max(1, values))
      );
    default: // The listed ones are a sample of all.
      return (listed.values + UNKNOWN_SELECTIVITY) / (listed.of + 1);
  }
}

/** The part of the charges that have a value which is not listed. */
function unlistedShare(column: ColumnProfile | undefined): number {
  if (column === undefined) return 1;
  let rest = 1 - column.nullShare;
  for (const [value, { charges }] of column.common) rest -= value === null ? 0 : charges;
  return Math.max(0, rest);
}
