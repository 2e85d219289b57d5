import { bindQuery } from '../../src/planner/bind/bind-query.ts';
import type { TenantState } from '../../src/catalog/tenant-state.ts';
import type { CostQuery } from '../../src/planner/cost-query.ts';
import type { Measure } from '../../src/planner/measures.ts';
import { measuresOf } from '../../src/planner/measures.ts';
import type { Question, Wanted } from '../../src/planner/question.ts';
import { fixedState } from './fixed-state.ts';
import { DEMO } from './plans.ts';

/** The clock of tests that resolve relative periods. */
export const NOW = Date.parse('2018-11-22T17:00:00Z');

export function costQuery(query: Partial<CostQuery> = {}): CostQuery {
  return {
    period: { month: '2018-10' },
    granularity: 'TOTAL',
    groupBy: [],
    filter: null,
    having: [],
    orderBy: [],
    top: null,
    currency: null,
    timing: 'START',
    timeAxis: 'CHARGE_PERIOD',
    compare: null,
    splits: 'APPLIED',
    knowledge: {},
    timeZone: 'UTC',
    ...query,
  };
}

/** The question of a query on a state: by default its rows and totals of effective cost. */
export function question(
  query: Partial<CostQuery> = {},
  wanted: Partial<Wanted> = {},
  state: TenantState = fixedState,
): Question {
  const measures: readonly Measure[] = measuresOf('EFFECTIVE_COST');
  return {
    ...bindQuery(DEMO, costQuery(query), state, NOW).question,
    wanted: { rows: { measures, offset: 0, limit: 100 }, totals: { measures }, excluded: null, ...wanted },
  };
}
