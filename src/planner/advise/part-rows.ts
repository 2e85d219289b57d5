/** How many rows a part would have that nobody has built. */
import type { Rollup } from '../../catalog/rollups.ts';
import { partRowsMax } from '../../catalog/rollups.ts';
import type { WeighedBatch } from './evidence.ts';

export type Definition = Pick<Rollup, 'grain' | 'attributes'>;

/** Columns of bills go together: each further one multiplies groups by less. */
const CORRELATION = 0.7;
const HOURS_A_DAY = 24;

/**
 * An estimate from the values of the batch, held between what its parts prove: one with more attributes has no fewer
 * rows, one that lacks some has at most their values as many times. Infinity where a part was too large already that
 * had no more than these attributes.
 */
export function estimatePartRows(batch: WeighedBatch, asked: Definition): number {
  const { charges, hours, days, valuesOf, parts } = batch;
  const counts = [asked.grain === 'hour' ? hours : days, ...asked.attributes.map(valuesOf)];
  let least = 1;
  let most = charges;
  for (const { rollup, rows, attributes, tooMany } of parts) {
    const isFiner = asked.grain === 'hour' && rollup.grain === 'day';
    const isCoarser = asked.grain === 'day' && rollup.grain === 'hour';
    const further = asked.attributes.filter((key) => !attributes.has(key));
    const times = further.reduce((product, key) => product * valuesOf(key), isFiner ? HOURS_A_DAY : 1);
    most = Math.min(most, rows * times);
    if (!isCoarser && [...attributes].every((key) => asked.attributes.includes(key))) {
      least = Math.max(least, rows);
    }
    if (!isCoarser && tooMany?.every((key) => asked.attributes.includes(key)) === true) return Infinity;
  }
  return Math.max(least, Math.min(most, groupsOf(counts)));
}

/** Null where the part would be over its budget, so that some attribute would be left out of it. */
export function buildableRows(batch: WeighedBatch, asked: Definition): number | null {
  const rows = Math.round(estimatePartRows(batch, asked));
  return rows <= partRowsMax(batch.charges) ? rows : null;
}

function groupsOf(counts: readonly number[]): number {
  return counts
    .toSorted((a, b) => b - a)
    .reduce((groups, count, i) => groups * count ** (CORRELATION ** i), 1);
}
