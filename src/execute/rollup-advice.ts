import type { Control, DayNeed } from '../catalog/control/control.ts';
import type { TenantState } from '../catalog/tenant-state.ts';
import type { Instant } from '../core/time-range.ts';
import type { RollupAdvice } from '../planner/advise/advise.ts';
import { adviseRollups } from '../planner/advise/advise.ts';
import { evidenceOf } from '../planner/advise/evidence.ts';
import type { Prices } from '../planner/capabilities.ts';
import { utcDay } from './day-ledger.ts';
import { batchStatistics } from './rollup-facts.ts';

/** @param observed of the `days` UTC days of which the one of `now` is the last */
export async function adviseOn(
  control: Control,
  state: TenantState,
  observed: readonly DayNeed[],
  asked: { readonly days: number; readonly now: Instant; readonly rowsMax: number; readonly prices: Prices },
): Promise<RollupAdvice> {
  const statistics = await batchStatistics(control, state);
  return adviseRollups(evidenceOf(state, statistics, observed, { ...asked, today: utcDay(asked.now) }));
}
