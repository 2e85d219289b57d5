/**
 * Planning over a table of a million files: how long questions about one day take to be pruned and planned, how much
 * memory the index of the files takes, and how long the next state's takes after a commit. The manifests are
 * simulated, and packed as real ones are.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { PublishedBatch } from '../src/catalog/batch.ts';
import { newTextPool } from '../src/catalog/column-facts.ts';
import type { FileBlock } from '../src/catalog/file-block.ts';
import { packBlock } from '../src/catalog/file-block.ts';
import type { FileIndex } from '../src/catalog/file-index.ts';
import { indexBlocks } from '../src/catalog/file-index.ts';
import type { TenantState } from '../src/catalog/tenant-state.ts';
import type { CostQuery } from '../src/planner/cost-query.ts';
import { planQuery } from '../src/planner/plan-query.ts';
import { scanFiles } from '../src/planner/pushed-to-physical.ts';
import { duckdbOffer, fixedState } from '../test/support/fixed-state.ts';
import { question } from '../test/support/questions.ts';
import { median, printTable, quantile } from './support/figures.ts';
import { drawn, services, simulateBatches, simulateFile } from './support/simulate-files.ts';

const FILES = 1_000_000;
/** As many as small manifests are merged up to. */
const FILES_PER_MANIFEST = 1_000;
const WARM_UP_ROUNDS = 50;
const ROUNDS = 300;
const DAY_MS = 86_400_000;
const PLAN_TARGET_MS = 50;
const MEMORY_TARGET_BYTES = 300;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void; // The flag's only effect.
let draws = 0;

const { live, superseded } = simulateBatches();
const before = memoryBytes();
const index = buildIndex([...live, ...superseded]);
const bytesPerFile = (memoryBytes() - before) / index.count;
const state: TenantState = {
  ...fixedState,
  batches: live,
  tables: { ...fixedState.tables, charges: { snapshot: '1', files: index } },
};
const service = () => ({
  dimension: { key: 'service_name', in: [services[below(services.length)] ?? ''] },
});
const cases: [string, () => Partial<CostQuery>][] = [
  ['one day', () => ({ period: day() })],
  ['one service on one day', () => ({ period: day(), filter: service() })],
  ['one day by hours of overlap', () => ({ period: day(), timing: 'PRORATED', granularity: 'HOUR' })],
];
const rows = cases.map(([name, ask]) => {
  const { ms, files } = measure(ask);
  return [
    name,
    median(files).toFixed(0),
    median(ms).toFixed(2),
    quantile(ms, 0.99).toFixed(2),
    `${PLAN_TARGET_MS}`,
  ];
});
printTable(
  `Planning over ${index.count} files, ${ROUNDS} rounds, warm`,
  ['by service', 'files read', 'p50 ms', 'p99 ms', 'target'],
  rows,
);
printTable(
  'Index of the files',
  ['', 'measured', 'target'],
  [
    ['memory, bytes a file', bytesPerFile.toFixed(0), `${MEMORY_TARGET_BYTES}`],
    ['next state after a commit, ms', commitMs(index).toFixed(2), ''],
  ],
);

function buildIndex(batches: readonly PublishedBatch[]): FileIndex {
  const blocks = new Map<string, FileBlock>();
  const pool = newTextPool();
  const count = Math.floor(FILES / batches.length);
  for (const batch of batches) {
    for (let first = 0; first < count; first += FILES_PER_MANIFEST) {
      const length = Math.min(FILES_PER_MANIFEST, count - first);
      const files = Array.from({ length }, (_, i) => simulateFile(batch, first + i, count));
      blocks.set(`manifest ${blocks.size}`, packBlock('charges', files, pool));
    }
  }
  return indexBlocks(blocks, pool, FILES);
}

function measure(ask: () => Partial<CostQuery>): { ms: number[]; files: number[] } {
  const ms: number[] = [];
  const files: number[] = [];
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    const asked = question({ groupBy: ['service_name'], ...ask() });
    const started = performance.now();
    const plan = planQuery(asked, state, [duckdbOffer]);
    if (round < 0) continue;
    ms.push(performance.now() - started);
    files.push(
      plan.parts.flatMap((part) => scanFiles(part.plan)).reduce((sum, read) => sum + read.files.length, 0),
    );
  }
  return { ms, files };
}

function commitMs(earlier: FileIndex): number {
  const [batch] = live;
  const files = batch ? Array.from({ length: 100 }, (_, i) => simulateFile(batch, i, 100)) : [];
  const started = performance.now();
  const added = packBlock('charges', files, earlier.pool);
  indexBlocks(new Map([...earlier.blocks, ['new manifest', added]]), earlier.pool, earlier.packedCount + 100);
  return performance.now() - started;
}

function day(): { from: string; to: string } {
  const from = Date.UTC(2025, 0, 1) + below(365) * DAY_MS;
  return { from: new Date(from).toISOString(), to: new Date(from + DAY_MS).toISOString() };
}

function memoryBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** A whole number, the same ones each time. */
function below(most: number): number {
  return Math.floor(drawn(draws++) * most);
}
