/**
 * A period that slides with the clock is asked for in another stretch of time each hour, of which nearly all is the same
 * whole days as an hour before. So these are asked for by themselves, under a name that lasts for a day:
 *
 *     Aggregate single                Aggregate final
 *       Scan [10:00, 10:00)             Union
 *                                         Aggregate partial     Scan [00:00, 00:00)
 *                                         Aggregate partial     Scan [10:00, 00:00)
 *                                         Aggregate partial     Scan [00:00, 10:00)
 */
import type { TenantState } from '../catalog/tenant-state.ts';
import type { TimeRange } from '../core/time-range.ts';
import { ceilDay, floorDay } from '../core/time-range.ts';
import { chooseFiles, unfilteredFiles } from './choose-files.ts';
import type { Aggregate, Ask, Plan } from './plan.ts';
import { mapChildren, scansOf, someNode } from './plan-tree.ts';
import type { StoreOffer } from './pushed-to-physical.ts';
import { askLess, scanFiles } from './pushed-to-physical.ts';

/** What is asked anew each hour takes at most this part of the time of the whole: each Ask has a start. */
const ENDS_MS_MAX = 0.25;

export type CutAsk = { readonly days: Ask; readonly ends: readonly Ask[] };

/**
 * An Ask for groups, cut into one for whole UTC days and those for what is left at the ends, as far as anything is read
 * for them. Null where nothing is to be cut off, or it would not pay.
 *
 * @param partial the groups, so that those of the parts can be merged
 */
export function cutAtDays(
  ask: Ask,
  partial: Aggregate,
  state: TenantState,
  offers: readonly StoreOffer[],
): CutAsk | null {
  const [scan, ...others] = scansOf(partial);
  if (!scan || others.length > 0 || scan.within !== 'start' || scan.axis !== 'charge_period_start')
    return null;
  // Numbers of hours are others each hour.
  if (someNode(partial, (node) => node.kind === 'Bucket' && node.buckets?.granularity === 'HOUR'))
    return null;
  const { from, to } = scan.range;
  const days = { from: ceilDay(from), to: floorDay(to) };
  if (days.from >= days.to || (days.from === from && days.to === to)) return null;
  const filesOf = unfilteredFiles(state);
  const askWithin = (range: TimeRange) => {
    const fragment = chooseFiles(within(partial, range), filesOf);
    const reads = scanFiles(fragment).some(({ files }) => files.length > 0);
    return reads ? [askLess(ask, fragment, state, offers)] : [];
  };
  const [whole] = askWithin(days);
  const ends = [
    { from, to: days.from },
    { from: days.to, to },
  ].flatMap((end) => (end.from < end.to ? askWithin(end) : []));
  const endsMs = ends.reduce((sum, { estimate }) => sum + estimate.ms, 0);
  return whole === undefined || endsMs > ask.estimate.ms * ENDS_MS_MAX ? null : { days: whole, ends };
}

/** Buckets keep their numbers. Rules are those of each charge's own hour, so that they are as well named by the part. */
function within(plan: Plan, range: TimeRange): Plan {
  if (plan.kind === 'Scan') return { ...plan, range };
  const below = mapChildren(plan, (child) => within(child, range));
  return below.kind === 'Attribute' ? { ...below, rules: { ...below.rules, range } } : below;
}
