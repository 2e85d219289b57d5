import { parseRules } from '../../src/attribution/parse-rules.ts';
import { inlineColumns } from '../../src/catalog/charge-columns.ts';
import type { PublishedBatch } from '../../src/catalog/batch.ts';
import { indexFiles } from '../../src/catalog/file-index.ts';
import type { Bound, LakeFile } from '../../src/catalog/lake-file.ts';
import { nullsFrom } from '../../src/catalog/lake-file.ts';
import type { PublishedRules } from '../../src/catalog/published-rules.ts';
import { ruledDimensions } from '../../src/catalog/published-rules.ts';
import type { TelemetryLoad } from '../../src/catalog/telemetry.ts';
import type { TenantState } from '../../src/catalog/tenant-state.ts';
import { noFiles } from '../../src/catalog/tenant-state.ts';
import { decimalFromUnits } from '../../src/core/decimal.ts';
import { batchId, sourceName } from '../../src/core/ids.ts';
import { duckdbCapabilities, duckdbPrices } from '../../src/connectors/duckdb/duckdb-capabilities.ts';
import type { StoreOffer } from '../../src/planner/pushed-to-physical.ts';
import { DEMO } from './plans.ts';

/** What the planner's tests plan on: two months of one source, with statistics that never change. */

const aws = sourceName('aws');
if (aws === null) throw new Error('aws is a source name');
const DAY_MS = 86_400_000;
const inlineNames = inlineColumns.map(({ name }) => name);

export function fixedBatch(id: string, month: string, options: Partial<PublishedBatch> = {}): PublishedBatch {
  const from = Date.parse(`${month}-01T00:00:00Z`);
  return {
    id: batchId(id),
    tenant: DEMO,
    source: aws ?? sourceNameMissing(),
    billingMonth: `${month}-01`,
    mode: 'replace',
    format: 'aws-cur',
    mappingVersion: 1,
    charges: 120_000,
    quarantined: 0,
    from,
    to: from + 30 * DAY_MS,
    currencies: ['USD'],
    billedCost: decimalFromUnits(0n),
    effectiveCost: decimalFromUnits(0n),
    liveFromSequence: 1,
    liveToSequence: null,
    knownFrom: 0,
    knownTo: null,
    droppedAt: null,
    ...options,
  };
}

function sourceNameMissing(): never {
  throw new Error('aws is a source name');
}

type FileOptions = {
  readonly bounds?: Readonly<Record<string, readonly [Bound, Bound]>>;
  readonly nulls?: Readonly<Record<string, number>>;
  readonly records?: number;
  readonly lacks?: readonly string[];
  /** Inline columns that it holds; by default none. */
  readonly inline?: readonly string[];
  readonly partition?: LakeFile['partition'];
};

export function fixedFile(path: string, options: FileOptions = {}): LakeFile {
  const records = options.records ?? 30_000;
  return {
    path,
    sizeBytes: 1_000_000,
    records,
    partition: options.partition ?? {},
    bounds: (column) => {
      const pair = options.bounds?.[column];
      return pair ? { lower: pair[0], upper: pair[1] } : null;
    },
    nulls: (column) => nullsFrom(options.nulls?.[column] ?? 0, records),
    holds: (column) =>
      !(options.lacks ?? []).includes(column) &&
      (!inlineNames.includes(column) || options.inline?.includes(column) === true),
    columnBytes: () => 20_000,
  };
}

/** A file of a batch that holds the charges of [from, to). */
export function chargeFile(
  batch: PublishedBatch,
  name: string,
  from: string,
  to: string,
  options: FileOptions = {},
): LakeFile {
  const micros = (text: string) => BigInt(Date.parse(text)) * 1000n;
  const month = BigInt(Date.parse(`${batch.billingMonth}T00:00:00Z`)) * 1000n;
  return fixedFile(`/lake/charges/${batch.id}/${name}.parquet`, {
    ...options,
    partition: options.partition ?? {
      source: batch.source,
      batch: batch.id,
      billing_month: Date.parse(batch.billingMonth) / DAY_MS,
    },
    bounds: {
      charge_period_start: [micros(from), micros(to) - 1n],
      charge_period_end: [micros(from), micros(to)],
      billing_period_start: [month, month],
      effective_cost: [0n, 10n ** 15n],
      billed_cost: [0n, 10n ** 15n],
      ...options.bounds,
    },
  });
}

const october = fixedBatch('b-october', '2018-10');
const november = fixedBatch('b-november', '2018-11');
const superseded = fixedBatch('b-october-old', '2018-10', { liveToSequence: 1, liveFromSequence: 0 });

const DISTINCT: Readonly<Record<string, number>> = {
  service_name: 18,
  region_id: 12,
  sub_account_id: 3,
  charge_category: 4,
  resource_id: 900,
  consumed_unit: 9,
  billing_currency: 1,
  'tag:Environment': 3,
  'tag:CostCenter': 5,
};

export const fixedState: TenantState = {
  tenant: DEMO,
  sequence: 1,
  batches: [october, november],
  history: [superseded, october, november],
  tables: {
    charges: {
      snapshot: '42',
      files: indexFiles('charges', [
        chargeFile(october, 'a', '2018-10-01T00:00Z', '2018-10-16T00:00Z', {
          bounds: { service_name: ['AWS Budgets', 'Amazon Elastic Com'] },
        }),
        chargeFile(october, 'b', '2018-10-16T00:00Z', '2018-11-01T00:00Z', {
          bounds: { service_name: ['Amazon Glacier', 'CloudWatch Events'] },
        }),
        chargeFile(november, 'a', '2018-11-01T00:00Z', '2018-12-01T00:00Z'),
        chargeFile(superseded, 'a', '2018-10-01T00:00Z', '2018-11-01T00:00Z'),
      ]),
    },
    resources: {
      snapshot: '43',
      files: indexFiles('resources', [fixedFile('/lake/resources/1.parquet', { records: 900 })]),
    },
    tags: {
      snapshot: '44',
      files: indexFiles('tags', [
        fixedFile('/lake/tags/1.parquet', { records: 60, bounds: { key: ['CostCenter', 'Environment'] } }),
        fixedFile('/lake/tags/2.parquet', { records: 60, bounds: { key: ['Name', 'Workload'] } }),
      ]),
    },
    control_totals: noFiles,
    rollups: noFiles,
    telemetry: noFiles,
  },
  rollups: [],
  rules: null,
  ruled: new Map(),
  telemetry: new Map(),
  tagKeys: new Set(['Environment', 'CostCenter']),
  profiles: new Map(),
  statistics: new Map(Object.entries(DISTINCT).map(([key, distinct]) => [key, { distinct, nulls: 1_000 }])),
};

const usual = ['service_name', 'region_id', 'sub_account_id', 'charge_category'];
const rollups = [
  { id: 'r-hour', name: 'hour', grain: 'hour', attributes: usual },
  { id: 'r-day', name: 'day', grain: 'day', attributes: [...usual, 'tag:Environment'] },
] as const;

/** Of October both rollups have a part, of November none; that of the day rollup lacks accounts. */
export const rolledUpState: TenantState = {
  ...fixedState,
  rollups,
  tables: {
    ...fixedState.tables,
    rollups: {
      snapshot: '46',
      files: indexFiles(
        'rollups',
        rollups.map(({ id, grain }) =>
          chargeFile(october, id, '2018-10-01T00:00Z', '2018-11-01T00:00Z', {
            records: grain === 'hour' ? 9_000 : 900,
            lacks: grain === 'day' ? ['sub_account_id'] : [],
            partition: { rollup: id, source: october.source, batch: october.id },
          }),
        ),
      ),
    },
  },
};

const parsed = parseRules(
  `
version: 1
dimensions:
  - key: team
    rules:
      - { value: compute, when: { key: service_name, startsWith: 'Amazon E' } }
      - { value: data, when: { key: service_name, in: [AWS Glue] } }
splits:
  - name: support evenly
    when: { key: service_name, in: [AWS Support] }
    to: [department]
    by: { even: [research, sales] }
  - name: production by work
    when: { key: 'tag:Environment', in: [prod] }
    to: [customer]
    by: { telemetry: work, grain: hour }
    noDriver: [spread: day, unattributed]
`,
  { lookupFile: () => null },
);
if ('errors' in parsed) throw new Error(JSON.stringify(parsed.errors));
const rules: PublishedRules = {
  version: '3',
  ruleSet: parsed.ruleSet,
  publishedAt: Date.parse('2018-11-02T00:00:00Z'),
  publishedBy: 'test',
};
const workLoad: TelemetryLoad = {
  id: '0000000001-work',
  sequence: 2,
  rows: 30_000,
  units: decimalFromUnits(0n),
  from: Date.parse('2018-10-01T00:00:00Z'),
  to: Date.parse('2018-11-01T00:00:00Z'),
  digest: '',
  file: 'work.csv',
};

/** The same with rules of every kind, and driver data of October. */
export const ruledState: TenantState = {
  ...rolledUpState,
  rules,
  ruled: ruledDimensions(rules),
  telemetry: new Map([['work', { name: 'work', columns: ['customer'], loads: [workLoad] }]]),
  tables: {
    ...rolledUpState.tables,
    telemetry: {
      snapshot: '47',
      files: indexFiles('telemetry', [
        fixedFile('/lake/telemetry/1.parquet', {
          partition: { load: workLoad.id },
          bounds: { time: [BigInt(workLoad.from) * 1000n, BigInt(workLoad.to) * 1000n - 1n] },
        }),
      ]),
    },
  },
};

export const duckdbOffer: StoreOffer = {
  store: 'DUCKDB',
  capabilities: duckdbCapabilities,
  prices: duckdbPrices,
};
