/** Wiring: opens the stores, puts the engine over them and HTTP before it, and closes all in turn. */
import { mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { createAuthenticate } from './access/authenticate.ts';
import type { Control } from './catalog/control/control.ts';
import { openControl } from './catalog/control/open-control.ts';
import type { DataLake } from './catalog/lake.ts';
import { controlFile, openLake } from './catalog/lake.ts';
import type { Config } from './config.ts';
import { duckdbPrices } from './connectors/duckdb/duckdb-capabilities.ts';
import { openDuckdb } from './connectors/duckdb/duckdb-connector.ts';
import { costError } from './core/errors.ts';
import type { ActualsLedger } from './execute/actuals-ledger.ts';
import { openActualsLedger } from './execute/actuals-ledger.ts';
import { readCalibration } from './execute/calibration-file.ts';
import type { Prices } from './planner/capabilities.ts';
import { createCostEngine } from './execute/cost-engine.ts';
import { createAdmission } from './execute/admission.ts';
import type { CostEngine, LoadTelemetry } from './execute/engine.ts';
import type { Guard } from './execute/guard.ts';
import { openGuard } from './execute/guard.ts';
import type { NeedLedger } from './execute/need-ledger.ts';
import { openNeedLedger } from './execute/need-ledger.ts';
import type { TelemetryContext } from './ingest/load-telemetry.ts';
import { loadTelemetryRows } from './ingest/load-telemetry-rows.ts';
import type { OnProgress } from './ingest/progress.ts';
import { loadSample } from './ingest/sample.ts';
import type { GraphqlServer } from './schema/graphql-server.ts';
import { createGraphqlServer } from './schema/graphql-server.ts';
import { createHttpHandler } from './schema/http-handler.ts';
import { readTrustedDocuments } from './schema/persisted-operations.ts';

/** What one operation may take, whatever it asks for. */
export const OPERATION_TIME_LIMIT_MS = 60_000;
/** How long running requests may go on when the server is told to stop. */
export const SHUTDOWN_GRACE_MS = 10_000;
/** What a call that loads driver data waits for another load of the stream. */
export const LOAD_WAIT_MS = 20_000;
const REQUEST_TIMEOUT_MS = 30_000;
const HEADERS_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
const CONNECTIONS_MAX = 2_000;

/** The engine over the stores of one data folder. */
export type OpenEngine = AsyncDisposable & {
  readonly engine: CostEngine;
  readonly lake: DataLake;
  readonly control: Control;
  readonly guard: Guard;
  readonly needs: NeedLedger;
  readonly rollupRowsMax: number;
  readonly actuals: ActualsLedger;
  readonly loadTelemetry: LoadTelemetry;
};

/** As calibrated on this machine and priced by the operator; the built-in ones otherwise. @throws BAD_CONFIG */
export async function readDuckdbPrices({ dataFolder, duckdbUsdPerHour }: Config): Promise<Prices> {
  const calibration = await readCalibration(dataFolder);
  const usdPerHour = duckdbUsdPerHour ?? duckdbPrices.usdPerHour;
  return { ...duckdbPrices, ...calibration.DUCKDB, usdPerHour };
}

export async function openEngine(config: Config): Promise<OpenEngine> {
  const { dataFolder, threads, queryMemoryBytes, cacheBytes, limits, rollupRowsMax } = config;
  await using opened = new AsyncDisposableStack();
  const lake = await openLake({ dataFolder });
  const control = await openControl(controlFile(lake.folders));
  opened.defer(() => control.close());
  // A folder of its own: two processes on one data folder would mix up their files. Clean-up reads the number.
  const tempDirectory = await mkdtemp(join(lake.folders.tmp, `spill-${process.pid}-`));
  opened.defer(() => rm(tempDirectory, { recursive: true, force: true }));
  const prices = await readDuckdbPrices(config);
  const memoryMb = Math.floor(queryMemoryBytes / 1024 ** 2);
  const duckdb = opened.use(await openDuckdb({ threads, memoryMb, tempDirectory, prices }));
  const guard = opened.use(openGuard(control, limits, Date.now));
  const needs = opened.use(openNeedLedger(control, Date.now));
  const actuals = opened.use(openActualsLedger(control, Date.now));
  const loadTelemetry = telemetryLoader({ lake, control, threads, waitMs: LOAD_WAIT_MS });
  const own = { lake, control, guard, needs, actuals, rollupRowsMax, loadTelemetry };
  const engine = await createCostEngine({ ...own, connectors: [duckdb], cacheBytes });
  const parts = opened.move();
  return { ...own, engine, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

/** A few at a time, as large queries are: each load works in an engine of its own. */
function telemetryLoader(context: TelemetryContext): LoadTelemetry {
  const admission = createAdmission();
  return (tenant, stream, rows, signal) =>
    admission.run(Infinity, signal, () => loadTelemetryRows(context, tenant, stream, rows));
}

/** @param engine throws NOT_READY as long as there is none */
export async function openGraphql(config: Config, engine: () => CostEngine): Promise<GraphqlServer> {
  return createGraphqlServer({
    engine,
    trustedDocuments: await readTrustedDocuments(join(config.dataFolder, 'operations')),
    timeLimitMs: OPERATION_TIME_LIMIT_MS,
    clock: Date.now,
  });
}

export type RunningServer = {
  readonly url: string;
  /** Takes no more requests, lets the running ones end, then closes the stores. */
  readonly stop: () => Promise<void>;
};

/**
 * Answers (that it is not ready) before the stores are open and the sample is loaded, and is ready when this returns.
 *
 * @param progressOf shows how far the loading of a sample source is
 * @throws BAD_CONFIG where the address is taken, or not of this machine
 */
export async function startServer(
  config: Config,
  progressOf: (source: string) => OnProgress = () => () => undefined,
): Promise<RunningServer> {
  let opened: OpenEngine | null = null;
  let waitsFor: string | null = 'opening the stores';
  const graphql = await openGraphql(config, () => {
    if (opened && waitsFor === null) return opened.engine;
    throw costError('NOT_READY', { waitingFor: waitsFor ?? 'opening the stores' });
  });
  const handler = createHttpHandler({
    authenticate: createAuthenticate(config.access),
    readiness: () => ({ engine: waitsFor }),
    graphql,
  });
  const server = createServer(
    {
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    },
    handler,
  );
  server.maxConnections = CONNECTIONS_MAX;
  const url = await listen(server, config);
  const stop = async (): Promise<void> => {
    waitsFor = 'stopping';
    await closeServer(server);
    await opened?.[Symbol.asyncDispose]();
  };
  try {
    opened = await openEngine(config);
    if (config.hasSample) {
      waitsFor = 'loading the sample bills';
      const { lake, control } = opened;
      const { threads, dictionaryBudget, rollupRowsMax } = config;
      await loadSample({ lake, control, threads, dictionaryBudget, rollupRowsMax }, progressOf);
    }
    waitsFor = null;
    return { url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function listen(server: Server, { host, port }: Config): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, host, resolve);
  try {
    await promise;
  } catch (error) {
    throw addressError(error, host, port);
  }
  const address = server.address() as AddressInfo; // A server that listens on a port has one.
  return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}/`;
}

function addressError(error: unknown, host: string, port: number): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  if (code === 'EADDRINUSE') {
    return costError('BAD_CONFIG', { name: 'PORT', value: `${port}`, allowed: 'a port that is free' }, error);
  }
  if (code === 'EACCES') {
    const allowed = 'a port that this user may open: 1024 or higher';
    return costError('BAD_CONFIG', { name: 'PORT', value: `${port}`, allowed }, error);
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return costError(
      'BAD_CONFIG',
      { name: 'HOST', value: host, allowed: 'an address of this machine' },
      error,
    );
  }
  return error;
}

async function closeServer(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), SHUTDOWN_GRACE_MS);
  await promise;
  clearTimeout(timer);
}
