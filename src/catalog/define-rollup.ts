import { digest } from '../core/digest.ts';
import { costError } from '../core/errors.ts';
import { isName } from '../core/ids.ts';
import { nearNames } from '../core/near.ts';
import { findDimension, providerDimensions } from './dimensions.ts';
import type { Rollup, RollupGrain } from './rollups.ts';
import { ROLLUP_TAGS_MAX, standingAttributes, tagKeyOf } from './rollups.ts';

/** Of a tenant, the default ones included: each import makes a part of every one. */
export const ROLLUPS_MAX = 20;

export type RollupRequest = {
  readonly name: string;
  readonly grain: RollupGrain;
  /** Keys of dimensions, in any order. */
  readonly by: readonly string[];
};

/**
 * The rollup that is asked for; its id follows from what it holds.
 *
 * @param tagKeys that the tenant's data has
 * @throws BAD_NAME, UNKNOWN_DIMENSION, BAD_ROLLUP
 */
export function defineRollup({ name, grain, by }: RollupRequest, tagKeys: ReadonlySet<string>): Rollup {
  if (!isName(name)) throw costError('BAD_NAME', { what: 'rollup name', value: name });
  const asked = new Set(by);
  for (const key of asked) checkAttribute(key, tagKeys);
  for (const key of standingAttributes) asked.delete(key);
  const attributes = [...asked].sort();
  if (attributes.length === 0) {
    throw costError('BAD_ROLLUP', {
      reason: `A rollup is by dimensions besides ${standingAttributes.join(', ')}, which every one has`,
      hint: 'Name those that questions group and filter by.',
    });
  }
  const tags = attributes.filter((key) => tagKeyOf(key) !== null).length;
  if (tags > ROLLUP_TAGS_MAX) {
    throw costError('BAD_ROLLUP', {
      reason: `A rollup by ${tags} tags is over the limit of ${ROLLUP_TAGS_MAX}`,
      hint: 'Name the tags that are asked for together; others can have a rollup of their own.',
    });
  }
  return { id: digest({ grain, attributes }), name, grain, attributes };
}

function checkAttribute(key: string, tagKeys: ReadonlySet<string>): void {
  const dimension = findDimension(key, { tagKeys, ruled: new Map() });
  if (dimension === null) {
    const known = [...providerDimensions.map((one) => one.key), ...[...tagKeys].map((tag) => `tag:${tag}`)];
    throw costError('UNKNOWN_DIMENSION', { key, near: nearNames(key, known) });
  }
  const { kind } = dimension.place;
  const isStanding = standingAttributes.some((name) => name === key);
  if (kind === 'resource') {
    throw costError('BAD_ROLLUP', {
      reason: `By ${key} a rollup would have nearly as many rows as there are charges`,
      hint: 'Leave it out: questions by it are answered from the charges.',
    });
  }
  if (kind === 'time' && !isStanding) {
    throw costError('BAD_ROLLUP', {
      reason: `${key} is a time, which a rollup has by its grain alone`,
      hint: 'Leave it out.',
    });
  }
}

/** Whether two hold the same, whatever their names. */
export function isSameRollup(a: Rollup, b: Rollup): boolean {
  return a.grain === b.grain && new Set(a.attributes).symmetricDifference(new Set(b.attributes)).size === 0;
}
