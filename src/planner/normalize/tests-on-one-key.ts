import { chargeColumns } from '../../catalog/charge-columns.ts';
import type { Dictionary, Member, Predicate, Test, ValueTest } from '../predicate.ts';
import { FALSE, TRUE } from '../predicate.ts';
import type { Claim } from './value-claims.ts';
import { ANYTHING, claimOf, complement, excludes, implies, meetAll } from './value-claims.ts';

/** A Test, a Member, or the complement of one: values that meet the claim, and missing ones by `orNull`. */
export type KeyTest = {
  readonly key: string;
  /** Of a Member. */
  readonly dictionary: Dictionary | null;
  readonly claim: Claim;
  readonly orNull: boolean;
};

/** Tests on one key that all hold; where there is none, nothing is known. */
export type Facts = ReadonlyMap<string, readonly KeyTest[]>;

const requiredColumns: ReadonlySet<string> = new Set(
  chargeColumns.filter(({ required }) => required).map(({ name }) => name),
);

export function keyTestOf(leaf: Test | Member, isMet: boolean): KeyTest {
  const { key, test, orNull } = leaf.kind === 'member' ? leaf.test : leaf;
  const dictionary = leaf.kind === 'member' ? leaf.dictionary : null;
  return { key, dictionary, claim: claimOf(test, isMet), orNull: isRequired(key) ? false : orNull === isMet };
}

/** Equal where two tests look at the same value. */
export function subjectOf(leaf: Test | Member): string {
  return leaf.kind === 'member' ? `${leaf.dictionary} ${leaf.test.key}` : leaf.key;
}

/** Every charge has a value. */
function isRequired(key: string): boolean {
  return requiredColumns.has(key);
}

export function not({ orNull, claim, ...subject }: KeyTest): KeyTest {
  return { ...subject, claim: complement(claim), orNull: !isRequired(subject.key) && !orNull };
}

/** The fewest tests that hold together for the same charges, of tests on one subject. */
export function meetTests(tests: readonly KeyTest[]): readonly KeyTest[] {
  const [first] = tests;
  if (first === undefined) return [];
  const orNull = tests.every((test) => test.orNull);
  const claims = meetAll(tests.map(({ claim }) => claim));
  return (claims.length === 0 ? [ANYTHING] : claims).map((claim) => ({ ...first, claim, orNull }));
}

/** What the facts say of a test: that it is met, that it is not, or nothing (null). */
export function decide(leaf: Test | Member, facts: Facts): boolean | null {
  const known = facts.get(subjectOf(leaf));
  const [first] = known ?? [];
  if (known === undefined || first === undefined) return null;
  const test = keyTestOf(leaf, true);
  if ((test.orNull || !first.orNull) && known.some(({ claim }) => implies(claim, test.claim))) return true;
  const bothTakeNull = test.orNull && first.orNull;
  return !bothTakeNull && known.some(({ claim }) => excludes(claim, test.claim)) ? false : null;
}

export function predicateOf({ key, dictionary, claim, orNull }: KeyTest): Predicate {
  const isConstant = isEmptyList(claim.test);
  if (isConstant && claim.isMet && !orNull) return FALSE;
  if (isConstant && !claim.isMet && (orNull || isRequired(key))) return TRUE;
  const isNegated = !claim.isMet && claim.test.op !== 'in';
  const takesNull = !isRequired(key) && orNull !== isNegated;
  const test: Test = { kind: 'test', key, test: valueTestOf(claim), orNull: takesNull };
  const leaf: Test | Member = dictionary === null ? test : { kind: 'member', dictionary, test };
  return isNegated ? { kind: 'not', part: leaf } : leaf;
}

function isEmptyList(test: Claim['test']): boolean {
  return test.op === 'in' && test.values.length === 0;
}

function valueTestOf({ isMet, test }: Claim): ValueTest {
  if (test.op !== 'in') return test;
  if (isEmptyList(test)) return { op: isMet ? 'none' : 'any' };
  return { op: isMet ? 'in' : 'notIn', values: test.values, ignoreCase: test.ignoreCase };
}
