import { HOUR_MS, ceilHour } from '../../core/time-range.ts';
import { intersect, isEmpty, rangeOfTimes } from '../normalize/range-of-times.ts';
import type { Plan, Scan } from '../plan.ts';
import { outputColumns } from '../plan-tree.ts';
import type { Rule } from '../rewrite.ts';

/**
 *     Filter charge_period_start startsWith "2018-10-03"          Filter charge_period_start startsWith "2018-10-03"
 *       Scan charge_period_start [2018-10-01, 2018-11-01)    =>     Scan charge_period_start [2018-10-03, 2018-10-04)
 *
 * A filter that leaves a stretch of the time that the scan is cut by: files are pruned by it. The filter stays, for the
 * range is on the hour, and may be wider than what the filter lets through. Empty where nothing is left.
 */
export const narrowScanRange: Rule = {
  name: 'narrow-scan-range',
  because: 'a filter on the start of charges leaves a shorter time to read',
  scope: 'node',

  apply(node) {
    if (node.kind !== 'Filter') return null;
    const scan = scanUnder(node.input);
    const met = scan && rangeOfTimes(node.predicate, scan.axis);
    if (scan === null || met === null) return null;
    const hours = { from: Math.floor(met.from / HOUR_MS) * HOUR_MS, to: ceilHour(met.to) };
    const range = intersect(scan.range, hours);
    if (isEmpty(range)) return { kind: 'Empty', columns: outputColumns(node) };
    const isSame = range.from === scan.range.from && range.to === scan.range.to;
    return isSame ? null : { ...node, input: withScan(node.input, { ...scan, range }) };
  },
};

/** Lookups neither add nor drop charges. */
function scanUnder(plan: Plan): Scan | null {
  if (plan.kind === 'Lookup') return scanUnder(plan.input);
  return plan.kind === 'Scan' ? plan : null;
}

function withScan(plan: Plan, scan: Scan): Plan {
  return plan.kind === 'Lookup' ? { ...plan, input: withScan(plan.input, scan) } : scan;
}
