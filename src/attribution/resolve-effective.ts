import type { Report } from './read-tree.ts';
import type { Effective, Position, Validity } from './rule-set.ts';
import { ALWAYS } from './rule-set.ts';
import type { RawDimension } from './rules-grammar.ts';

/** In order of time; reports stretches that are empty or overlap. */
export function resolveEffective(raw: RawDimension['effective'], report: Report): Effective {
  if (raw === null) return ALWAYS;
  const read = raw.map(({ from, to, at }): Validity & Position => ({
    from: from?.value ?? null,
    to: to?.value ?? null,
    ...at,
  }));
  for (const { from, to, ...at } of read) {
    if (from !== null && to !== null && from >= to) {
      report(at, 'The validity ends before it begins', 'It holds from `from` until just before `to`.');
    }
  }
  const sorted = [...read].sort((a, b) => (a.from ?? -Infinity) - (b.from ?? -Infinity));
  for (const [i, validity] of sorted.entries()) {
    const before = sorted[i - 1];
    if (before && !isValidityDisjoint(before, validity)) {
      const { line } = before;
      report(validity, `The validity overlaps that of line ${line}`, 'End one where the other begins.');
    }
  }
  return sorted.map(({ from, to }) => ({ from, to }));
}

/** Of two, the first of which begins no later. */
export function isValidityDisjoint(first: Validity, second: Validity): boolean {
  return first.to !== null && second.from !== null && first.to <= second.from;
}
