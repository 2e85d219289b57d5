/** The day of the ordering application, shared out by the work of its web log: every cell of plan and customer, traced. */
import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { decimalFromUnits, formatDecimal } from '../../src/core/decimal.ts';
import { sourceName } from '../../src/core/ids.ts';
import { formatInstant } from '../../src/core/time-range.ts';
import type { Answer, BoundQuery, LineageItem, ParentRow } from '../../src/execute/engine.ts';
import { readRow } from '../../src/execute/page-rows.ts';
import { importBills } from '../../src/ingest/import-bills.ts';
import type { CostQuery } from '../../src/planner/cost-query.ts';
import { metricValue } from '../../src/planner/measures.ts';
import { TIME } from '../../src/planner/plan.ts';
import type { Deployment } from '../support/deployment.ts';
import { openTestDeployment, tenant } from '../support/deployment.ts';
import { costQuery } from '../support/questions.ts';
import { loadLines } from '../support/telemetry-file.ts';

const ROOT = join(import.meta.dirname, '../..');
const DAY = join(ROOT, 'data/ordering-2019-11-26');
const NOW = Date.parse('2019-12-01T00:00:00Z');
const demo = tenant('demo');
const options = {
  signal: new AbortController().signal,
  deadlineMs: 60_000,
  startedAt: Infinity,
  forceStore: null,
  noCache: false,
  rulesOff: new Set<string>(),
};
const RULES = `version: 1
dimensions:
  - key: application
    rules: [{ name: by its tag, valueOf: { key: 'tag:Application' } }]
splits:
  - name: ordering by work
    when: { key: application, in: [ordering] }
    to: [customer, plan]
    by: { telemetry: work, grain: hour }
    noDriver: [unattributed]
`;

let deployment: Deployment;
let lines: string[] = [];
beforeAll(async () => {
  deployment = await openTestDeployment();
  const { context, folder, engine } = deployment;
  const source = sourceName('ordering');
  if (source === null) throw new Error('ordering is a name');
  const paths = [join(DAY, 'cur-2019-11-26.0x01.gz')];
  await importBills(context, { tenant: demo, source, mode: 'replace', force: false, format: null, paths });
  lines = (await workOfLog()).trimEnd().split('\n');
  await loadLines({ ...context, folder }, demo, 'work', lines);
  const published = await engine.rules.publish({
    tenant: demo,
    source: RULES,
    lookupFile: () => null,
    baseVersion: null,
    dryRun: false,
    by: 'ada',
    at: NOW,
  });
  expect(published.kind).toBe('published');
}, 60_000);
afterAll(() => deployment[Symbol.asyncDispose]());

async function workOfLog(): Promise<string> {
  const awk = spawn('awk', ['-f', join(ROOT, 'scripts/access-log-to-telemetry.awk')]);
  const log = createReadStream(join(DAY, 'access-log-2019-11-26.gz')).pipe(createGunzip());
  const [, rows] = await Promise.all([pipeline(log, awk.stdin), text(awk.stdout)]);
  return rows;
}

async function ask(query: Partial<CostQuery>): Promise<{ bound: BoundQuery; answer: Answer }> {
  const period = { from: '2019-11-26T00:00:00Z', to: '2019-11-27T00:00:00Z' };
  const filter = { dimension: { key: 'application', in: ['ordering'] } };
  const rows = { metrics: ['EFFECTIVE_COST' as const], amounts: [], distinct: [], offset: 0, limit: 1_000 };
  const wanted = { rows, totals: null, conservation: [] };
  const bound = await deployment.engine.bind(demo, costQuery({ period, filter, ...query }), wanted, NOW);
  return { bound, answer: await deployment.engine.answer(bound, options) };
}

type Traced = { readonly row: ParentRow; readonly cost: bigint; readonly items: readonly LineageItem[] };

async function traced({ bound, answer }: { bound: BoundQuery; answer: Answer }): Promise<Traced[]> {
  const found: Traced[] = [];
  for (let i = 0; i < (answer.rows?.length ?? 0); i++) {
    const read = readRow(answer.rows ?? { length: 0, columns: new Map() }, i);
    const values = bound.question.groupBy.map((key) => {
      const value = read(key);
      return typeof value === 'string' ? value : null;
    });
    const bucket = read(TIME);
    const row = { values, bucket: bucket === null ? null : Number(bucket), isRemainder: false, kept: null };
    const page = { offset: 0, limit: 100_000 };
    const { items } = await deployment.engine.lineage(bound, row, 'EFFECTIVE_COST', page, options);
    found.push({ row, cost: metricValue(read, 'EFFECTIVE_COST') ?? 0n, items });
  }
  return found;
}

const sumOf = (items: readonly LineageItem[]) => items.reduce((sum, { amount }) => sum + amount, 0n);
const shown = (units: bigint) => formatDecimal(decimalFromUnits(units));

/** Units by hour, customer and plan, and of each hour in all, in units of 10^-12. */
function unitsOf(lines: readonly string[]): Map<string, bigint> {
  const units = new Map<string, bigint>();
  for (const line of lines.slice(1)) {
    const [time = '', customer, plan, work = '0'] = line.split(',');
    const hour = time.slice(0, 13);
    for (const key of [hour, `${hour} ${customer} ${plan}`])
      units.set(key, (units.get(key) ?? 0n) + BigInt(work) * 10n ** 12n);
  }
  return units;
}

describe('lineage of the ordering day', () => {
  it('adds up to every cell of plan, by the work that the log says', { timeout: 90_000 }, async () => {
    const cells = await traced(await ask({ groupBy: ['plan'] }));
    expect(cells.map(({ row }) => row.values)).toEqual([['free'], ['paid'], ['sponsored'], [null]]);
    for (const { cost, items } of cells) expect(sumOf(items)).toBe(cost);
    const [unattributed] = cells.splice(-1);
    expect(shown(sumOf(unattributed?.items ?? []))).toBe('5.142938113200');
    expect(unattributed?.items.every(({ steps }) => steps[0]?.method === 'UNATTRIBUTED')).toBe(true);
    const units = unitsOf(lines);
    const wrong = cells.flatMap(({ items }) => items.filter((item) => !isByWork(item, units)));
    expect(wrong).toEqual([]);
    const attributed = cells.reduce((sum, { cost }) => sum + cost, 0n);
    expect(shown(attributed + (unattributed?.cost ?? 0n))).toBe('56.027165974800');
  });
});

/** One step, of the split, by the units of the charge's hour. */
function isByWork({ origin, steps }: LineageItem, units: ReadonlyMap<string, bigint>): boolean {
  const hour = formatInstant(origin.from).slice(0, 13);
  const value = (name: string) => origin.keys.find(({ key }) => key === name)?.value;
  const [step] = steps;
  return (
    steps.length === 1 &&
    step?.method === 'TELEMETRY' &&
    step.driver === 'work' &&
    step.rule.name === 'ordering by work' &&
    step.rule.line === 6 &&
    step.numerator * (units.get(hour) ?? 0n) ===
      step.denominator * (units.get(`${hour} ${value('customer')} ${value('plan')}`) ?? 0n)
  );
}
