/**
 * Planning with many ways to answer: three stores, 20 rollups with holes in them, a year of days with a batch for each.
 * Warm: shapes were planned before, with other values; cold: every shape is new; explained: as explain has it, with what
 * was weighed in words.
 */
import { indexFiles } from '../src/catalog/file-index.ts';
import type { Rollup } from '../src/catalog/rollups.ts';
import type { TenantState } from '../src/catalog/tenant-state.ts';
import type { CostQuery } from '../src/planner/cost-query.ts';
import { defaultPlanOptions, planQuery } from '../src/planner/plan-query.ts';
import type { PlanTemplates } from '../src/planner/plan-templates.ts';
import { planTemplates } from '../src/planner/plan-templates.ts';
import type { StoreOffer } from '../src/planner/pushed-to-physical.ts';
import { chargeFile, duckdbOffer, fixedBatch, fixedState } from '../test/support/fixed-state.ts';
import { question } from '../test/support/questions.ts';
import { printTable, quantile } from './support/figures.ts';

const DAYS = 365;
const ROLLUPS = 20;
const ROUNDS = 400;
const WARM_UP_ROUNDS = 200;
const DAY_MS = 86_400_000;
const FIRST_DAY = Date.UTC(2025, 0, 1);
const attributes = ['service_name', 'region_id', 'sub_account_id', 'charge_category'];

const dayText = (day: number) => new Date(FIRST_DAY + day * DAY_MS).toISOString();
const batches = Array.from({ length: DAYS }, (_, day) =>
  fixedBatch(`b-${day}`, dayText(day).slice(0, 7), {
    from: FIRST_DAY + day * DAY_MS,
    to: FIRST_DAY + (day + 1) * DAY_MS - 1,
  }),
);
const rollups = Array.from({ length: ROLLUPS }, (_, i): Rollup => ({
  id: `r-${i}`,
  name: `rollup-${i}`,
  grain: i % 2 === 0 ? 'day' : 'hour',
  attributes: attributes.slice(0, 1 + (i % attributes.length)),
}));
/** Every rollup lacks the parts of some days, each of others. */
const parts = rollups.flatMap((rollup, i) =>
  batches.flatMap((batch, day) =>
    day % (17 + i) === 0
      ? []
      : [
          chargeFile(batch, `${rollup.id}-${day}`, dayText(day), dayText(day + 1), {
            records: rollup.grain === 'day' ? 400 : 4_000,
            partition: { rollup: rollup.id, source: batch.source, batch: batch.id },
          }),
        ],
  ),
);
const state: TenantState = {
  ...fixedState,
  batches,
  rollups,
  tables: {
    ...fixedState.tables,
    charges: {
      snapshot: '1',
      files: indexFiles(
        'charges',
        batches.map((batch, day) => chargeFile(batch, 'a', dayText(day), dayText(day + 1))),
      ),
    },
    rollups: { snapshot: '1', files: indexFiles('rollups', parts) },
  },
};
const offers: StoreOffer[] = [
  duckdbOffer,
  { ...duckdbOffer, store: 'TRINO', prices: { ...duckdbOffer.prices, startupMs: 60, msPerMillionRows: 5 } },
  { ...duckdbOffer, store: 'REDIS', prices: { ...duckdbOffer.prices, startupMs: 1, msPerMillionRows: 80 } },
];
const year = { from: dayText(0), to: dayText(DAYS) };
const shapes: Partial<CostQuery>[] = [
  { period: year, granularity: 'DAY', groupBy: ['service_name'] },
  { period: year, granularity: 'MONTH', groupBy: ['region_id'] },
  { period: year, groupBy: ['service_name', 'region_id'] },
  { period: year, granularity: 'WEEK', groupBy: ['sub_account_id'], timeZone: 'Europe/Berlin' },
  { period: { from: dayText(100), to: dayText(130) }, granularity: 'DAY', groupBy: ['charge_category'] },
];

printTable(
  `Planning: ${offers.length} stores, ${ROLLUPS} rollups, ${DAYS} days, ${ROUNDS} rounds`,
  ['', 'p50 ms', 'p90 ms', 'p99 ms', 'target p99'],
  [
    row(
      'warm',
      measure(
        planTemplates(() => performance.now()),
        false,
      ),
      '1',
    ),
    row('cold', measure(null, false), '10'),
    row('explained', measure(null, true), '-'),
  ],
);

function measure(templates: PlanTemplates | null, isExplained: boolean): number[] {
  const options = { ...defaultPlanOptions, templates };
  const times: number[] = [];
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    const filter = { dimension: { key: 'service_name', in: [`Service ${round}`] } };
    const asked = question({ ...shapes[Math.abs(round) % shapes.length], filter });
    const started = performance.now();
    const { candidates } = planQuery(asked, state, offers, options);
    if (isExplained) candidates();
    if (round >= 0) times.push(performance.now() - started);
  }
  return times;
}

function row(name: string, times: readonly number[], target: string): string[] {
  return [name, ...[0.5, 0.9, 0.99].map((part) => quantile(times, part).toFixed(2)), target];
}
