import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { ShapeActuals } from '../catalog/ask-actuals.ts';
import { NO_ACTUALS, addActuals, qErrorAt } from '../catalog/ask-actuals.ts';
import { readConfig } from '../config.ts';
import { duckdbPrices } from '../connectors/duckdb/duckdb-capabilities.ts';
import { openDuckdb } from '../connectors/duckdb/duckdb-connector.ts';
import { demoTenant } from '../core/ids.ts';
import {
  calibrationPath,
  coefficientNames,
  readCalibration,
  writeCalibration,
} from '../execute/calibration-file.ts';
import { measurePrices } from '../execute/measure-prices.ts';
import { createStateStore } from '../execute/pin-state.ts';
import { progressBar } from '../ingest/progress.ts';
import { loadSample } from '../ingest/sample.ts';
import type { Coefficients, Observation } from '../planner/fit-prices.ts';
import { fitPrices, medianError } from '../planner/fit-prices.ts';
import type { Io, Usage } from './command.ts';
import { openDeployment } from './open-deployment.ts';
import { parseArguments } from './parse-arguments.ts';

export const usage = {
  options: {
    'from-actuals': { kind: 'flag', help: 'instead of measuring, by what queries took that were run' },
    json: { kind: 'flag', help: 'print one JSON object' },
  },
  operands: null,
  examples: ['calibrate', 'calibrate --from-actuals'],
} as const satisfies Usage;

/** Of fewer runs, or fewer kinds of them, what they have in common would be taken for what work costs. */
export const ACTUAL_RUNS_MIN = 200;
export const ACTUAL_SHAPES_MIN = 10;

/**
 * Finds out what work costs on this machine, and writes it for servers to start with: by measuring over the bundled
 * sample bills, loaded into a folder of their own, or by what queries took. Of too few, nothing is written.
 */
export async function run(args: readonly string[], io: Io): Promise<void> {
  const { options } = parseArguments(usage, args);
  const { dataFolder } = readConfig(io.environment);
  const calibration = await readCalibration(dataFolder);
  await using opened = await openDeployment(io);
  const shapes = options['from-actuals'] ? await opened.control.actuals() : null;
  const own = shapes?.filter(({ store }) => store === 'DUCKDB');
  const observations = own ? own.map(observed) : await measure(io);
  const runs = observations.reduce((sum, each) => sum + each.runs, 0);
  const before: Coefficients = calibration.DUCKDB ?? duckdbPrices;
  const isEnough = !own || (runs >= ACTUAL_RUNS_MIN && own.length >= ACTUAL_SHAPES_MIN);
  const after = isEnough ? fitPrices(observations) : null;
  if (after) await writeCalibration(dataFolder, { ...calibration, DUCKDB: after });
  const report = { path: calibrationPath(dataFolder), before, after, observations, runs, shapes };
  io.stdout.write(options.json ? `${JSON.stringify(toJson(report))}\n` : formatReport(report));
}

function observed({ actuals }: ShapeActuals): Observation {
  const { runs, files, bytes, rowsRead, rows, ms } = actuals;
  const read = { files: files / runs, bytes: bytes / runs, rows: rowsRead / runs };
  return { read, rowsOut: rows / runs, ms: ms / runs, runs };
}

async function measure(io: Io): Promise<Observation[]> {
  const folder = await mkdtemp(join(tmpdir(), 'costgraph-calibrate-'));
  const bar = progressBar(io.stderr, 'measuring');
  try {
    const environment = { ...io.environment, COSTGRAPH_DATA: folder };
    const { threads, queryMemoryBytes, dictionaryBudget, rollupRowsMax } = readConfig(environment);
    await using opened = await openDeployment({ ...io, environment });
    const { lake, control } = opened;
    const limits = { threads, dictionaryBudget, rollupRowsMax };
    await loadSample({ lake, control, ...limits }, () => bar.onProgress);
    const state = await createStateStore(control, lake).newest(demoTenant);
    const memoryMb = Math.floor(queryMemoryBytes / 1024 ** 2);
    await using store = await openDuckdb({ threads, memoryMb, tempDirectory: lake.folders.tmp });
    return await measurePrices(store, state, (fraction) => bar.onProgress('reading', fraction));
  } finally {
    bar.end();
    await rm(folder, { recursive: true, force: true });
  }
}

type Report = {
  readonly path: string;
  readonly before: Coefficients;
  /** Null where there is too little to go by. */
  readonly after: Coefficients | null;
  readonly observations: readonly Observation[];
  readonly runs: number;
  /** What was recorded of all stores; null where it was measured. */
  readonly shapes: readonly ShapeActuals[] | null;
};

function toJson({ path, before, after, observations, runs, shapes }: Report) {
  return {
    path,
    written: after !== null,
    observations: observations.length,
    runs,
    coefficients: after ?? before,
    medianError: {
      before: medianError(observations, before),
      after: after && medianError(observations, after),
    },
    actuals: shapes,
  };
}

function formatReport(report: Report): string {
  const { path, written, observations, runs, coefficients, medianError: error } = toJson(report);
  const all = (report.shapes ?? []).reduce((sum, { actuals }) => addActuals(sum, actuals), NO_ACTUALS);
  const kept = `nothing is written: that takes ${ACTUAL_RUNS_MIN} runs of ${ACTUAL_SHAPES_MIN} shapes`;
  const width = Math.max(...coefficientNames.map((name) => name.length));
  return [
    report.shapes
      ? `duckdb, by ${runs} runs of ${observations} shapes`
      : `duckdb, by ${observations} observations`,
    ...coefficientNames.map((name) => `  ${name.padEnd(width)}  ${coefficients[name].toPrecision(3)}`),
    ...(report.shapes
      ? [
          `  rows are off by up to ${qErrorAt(all, 0.5)} times in half, ${qErrorAt(all, 0.95)} times in 95 % of runs`,
        ]
      : []),
    `  times are off by ${(error.after ?? error.before).toFixed(2)} times in the median (${error.before.toFixed(2)} before)`,
    written ? `written to ${path}; servers read it as they start` : kept,
    '',
  ].join('\n');
}
