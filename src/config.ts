/** The environment of the program, read once at the start: a wrong value ends it, with what is allowed. */
import { availableParallelism, totalmem } from 'node:os';
import { resolve } from 'node:path';

import { Temporal } from 'temporal-polyfill';

import type { AccessMode } from './access/access-mode.ts';
import { SECRET_BYTES_MIN } from './access/access-mode.ts';
import { isLoopbackName } from './access/loopback.ts';
import { costError } from './core/errors.ts';
import type { LimitName, Limits } from './core/limits.ts';
import { limitForm, limitNames, parseLimit } from './core/limits.ts';
import { log } from './core/log.ts';
import { nearNames } from './core/near.ts';
import { DAY_MS } from './core/time-range.ts';

export type Config = {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Absolute. */
  readonly dataFolder: string;
  /** Whether tenant `demo` gets the bundled sample at the first start. */
  readonly hasSample: boolean;
  readonly access: AccessMode;
  /** What all running queries of this process may use together, before they spill or fail. */
  readonly queryMemoryBytes: number;
  /** US dollars that an hour of DuckDB's time is estimated at; null: the built-in price. */
  readonly duckdbUsdPerHour: number | null;
  /** What answers that are kept may take, over all tenants. */
  readonly cacheBytes: number;
  /** Of one process, for all running queries together. */
  readonly threads: number;
  /** How long a superseded batch stays, so that states of knowledge that need it can be asked for. */
  readonly retentionMs: number;
  /** Entries at most per tenant; what finds no room stays on the charges. */
  readonly dictionaryBudget: { readonly resources: number; readonly tags: number };
  /** Rows that rollups of a tenant's live batches may have together; 0: none are built. */
  readonly rollupRowsMax: number;
  /** Of tenants that have none of their own. */
  readonly limits: Limits;
};

export type Environment = Readonly<Record<string, string | undefined>>;

/** Of the machine's memory: the rest is for the process itself and the file cache. */
const QUERY_MEMORY_SHARE = 0.5;
const QUERY_MEMORY_BYTES_MIN = 128 * 1024 ** 2;
const THREADS_MAX = 256;
export const RETENTION_DEFAULT = 'P90D';
/** Why as many: docs/adr/0011-dictionary-budget.md. */
export const RESOURCES_DEFAULT = 5_000_000;
export const TAG_SETS_DEFAULT = 1_000_000;
const DICTIONARY_ENTRIES_MAX = 1_000_000_000;
export const ROLLUP_ROWS_DEFAULT = 20_000_000;
const ROLLUP_ROWS_MAX = 9_999_999_999;
/** Far above what people ask: they hold back mistakes, not tenants. */
export const LIMITS_DEFAULT: Limits = {
  'query-bytes': 100_000_000_000n,
  'query-rows': 10_000_000_000n,
  'query-groups': 10_000_000n,
  'query-usd': 10n ** 12n,
  'query-ms': 300_000n,
  'daily-bytes': null,
  'daily-usd': null,
  'daily-ms': null,
};
const LIMIT_VARIABLES: Readonly<Record<LimitName, string>> = {
  'query-bytes': 'COSTGRAPH_QUERY_BYTES_MAX',
  'query-rows': 'COSTGRAPH_QUERY_ROWS_MAX',
  'query-groups': 'COSTGRAPH_QUERY_GROUPS_MAX',
  'query-usd': 'COSTGRAPH_QUERY_USD_MAX',
  'query-ms': 'COSTGRAPH_QUERY_MS_MAX',
  'daily-bytes': 'COSTGRAPH_DAILY_BYTES_MAX',
  'daily-usd': 'COSTGRAPH_DAILY_USD_MAX',
  'daily-ms': 'COSTGRAPH_DAILY_MS_MAX',
};
const RETENTION_MS_MAX = 36_525 * DAY_MS;
const CACHE_BYTES_DEFAULT = 256 * 1024 ** 2;
const MEMORY_UNITS: Readonly<Record<string, number>> = {
  MB: 1e6,
  GB: 1e9,
  MIB: 1024 ** 2,
  GIB: 1024 ** 3,
};

const READ = [
  'COSTGRAPH_DATA',
  'COSTGRAPH_SAMPLE',
  'COSTGRAPH_AUTH_SECRET',
  'COSTGRAPH_JWKS_URL',
  'COSTGRAPH_JWKS_ISSUER',
  'COSTGRAPH_JWKS_AUDIENCE',
  'COSTGRAPH_QUERY_MEMORY',
  'COSTGRAPH_CACHE_MEMORY',
  'COSTGRAPH_DUCKDB_USD_PER_HOUR',
  'COSTGRAPH_THREADS',
  'COSTGRAPH_RETENTION',
  'COSTGRAPH_DICTIONARY_RESOURCES',
  'COSTGRAPH_DICTIONARY_TAG_SETS',
  'COSTGRAPH_ROLLUP_ROWS_MAX',
  ...Object.values(LIMIT_VARIABLES),
];

/** Named by the documentation, for stores and servers that this version does not have. */
const NOT_SUPPORTED = [
  'COSTGRAPH_REDIS_URL',
  'COSTGRAPH_TRINO_URL',
  'COSTGRAPH_ICEBERG_REST_URL',
  'COSTGRAPH_WAREHOUSE',
  'COSTGRAPH_KAFKA_BROKERS',
  'COSTGRAPH_PG_PORT',
  'DATABASE_URL',
];

/**
 * Variables that it does not know are named in one warning, because one that is silently ignored looks
 * as if it worked.
 *
 * @throws BAD_CONFIG
 */
export function readConfig(environment: Environment): Config {
  const config: Config = {
    host: readHost(environment),
    port: readInteger(environment, 'PORT', 0, 65_535) ?? 4_000,
    dataFolder: resolve(readText(environment, 'COSTGRAPH_DATA', 'a folder') ?? '.costgraph'),
    hasSample: readSwitch(environment, 'COSTGRAPH_SAMPLE'),
    access: readAccess(environment),
    queryMemoryBytes:
      readMemory(environment, 'COSTGRAPH_QUERY_MEMORY', QUERY_MEMORY_BYTES_MIN) ?? defaultMemoryBytes(),
    duckdbUsdPerHour: readPrice(environment, 'COSTGRAPH_DUCKDB_USD_PER_HOUR'),
    cacheBytes: readMemory(environment, 'COSTGRAPH_CACHE_MEMORY', 0) ?? CACHE_BYTES_DEFAULT,
    threads: readInteger(environment, 'COSTGRAPH_THREADS', 1, THREADS_MAX) ?? availableParallelism(),
    retentionMs: readRetention(environment),
    dictionaryBudget: {
      resources:
        readInteger(environment, 'COSTGRAPH_DICTIONARY_RESOURCES', 0, DICTIONARY_ENTRIES_MAX) ??
        RESOURCES_DEFAULT,
      tags:
        readInteger(environment, 'COSTGRAPH_DICTIONARY_TAG_SETS', 0, DICTIONARY_ENTRIES_MAX) ??
        TAG_SETS_DEFAULT,
    },
    rollupRowsMax:
      readInteger(environment, 'COSTGRAPH_ROLLUP_ROWS_MAX', 0, ROLLUP_ROWS_MAX) ?? ROLLUP_ROWS_DEFAULT,
    limits: readLimits(environment),
  };
  if (config.access.kind === 'open' && !isLoopbackName(config.host)) {
    throw costError('BAD_CONFIG', {
      name: 'HOST',
      value: config.host,
      allowed:
        'localhost, 127.0.0.1 or ::1, unless COSTGRAPH_AUTH_SECRET or COSTGRAPH_JWKS_URL says who may ask',
    });
  }
  warnOfIgnored(environment);
  return config;
}

function readHost(environment: Environment): string {
  const host = readText(environment, 'HOST', 'an address or a name') ?? '127.0.0.1';
  // Listening takes ::1, not [::1]; a port or a path would be looked up as a name.
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  if (/^[\w.-]+$|^[\da-f:.]+$/i.test(bare)) return bare;
  throw costError('BAD_CONFIG', {
    name: 'HOST',
    value: host,
    allowed: 'an address or a name, without a port',
  });
}

function readAccess(environment: Environment): AccessMode {
  const secret = environment['COSTGRAPH_AUTH_SECRET'];
  const url = environment['COSTGRAPH_JWKS_URL'];
  if (secret !== undefined && url !== undefined) {
    throw costError('BAD_CONFIG', {
      name: 'COSTGRAPH_JWKS_URL',
      value: url,
      allowed: 'one of COSTGRAPH_AUTH_SECRET and COSTGRAPH_JWKS_URL, not both',
    });
  }
  const issuer = readText(environment, 'COSTGRAPH_JWKS_ISSUER', 'the claim iss of accepted tokens');
  const audience = readText(environment, 'COSTGRAPH_JWKS_AUDIENCE', 'the claim aud of accepted tokens');
  if (url !== undefined) return { kind: 'jwks', url: checkJwksUrl(url), issuer, audience };
  const unused = issuer ?? audience;
  if (unused !== null) {
    const name = issuer === null ? 'COSTGRAPH_JWKS_AUDIENCE' : 'COSTGRAPH_JWKS_ISSUER';
    throw costError('BAD_CONFIG', { name, value: unused, allowed: 'only together with COSTGRAPH_JWKS_URL' });
  }
  return secret === undefined ? { kind: 'open' } : { kind: 'secret', secret: checkSecret(secret) };
}

/** The value is never repeated. */
function checkSecret(secret: string): string {
  const sizeBytes = Buffer.byteLength(secret);
  if (sizeBytes >= SECRET_BYTES_MIN) return secret;
  throw costError('BAD_CONFIG', {
    name: 'COSTGRAPH_AUTH_SECRET',
    value: `(${sizeBytes} bytes)`,
    allowed: `at least ${SECRET_BYTES_MIN} bytes; "openssl rand -base64 48" makes some`,
  });
}

/** Over plain HTTP anybody on the way could put in a key of their own. */
function checkJwksUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopbackName(url.hostname));
  if (url !== null && isSafe) return url;
  throw costError('BAD_CONFIG', {
    name: 'COSTGRAPH_JWKS_URL',
    value: text,
    allowed: 'an https:// URL (http:// on this machine only)',
  });
}

function readSwitch(environment: Environment, name: string): boolean {
  const value = environment[name] ?? 'on';
  if (value === 'on' || value === 'off') return value === 'on';
  throw costError('BAD_CONFIG', { name, value, allowed: 'on, off' });
}

function readInteger(environment: Environment, name: string, min: number, max: number): number | null {
  const value = environment[name];
  if (value === undefined) return null;
  const number = /^\d{1,10}$/.test(value) ? Number(value) : NaN;
  if (number >= min && number <= max) return number;
  throw costError('BAD_CONFIG', { name, value, allowed: `a whole number from ${min} to ${max}` });
}

/** Of estimates, which are no money of anyone's. */
function readPrice(environment: Environment, name: string): number | null {
  const value = environment[name];
  if (value === undefined) return null;
  if (/^\d{1,6}(\.\d{1,6})?$/.test(value)) return Number(value);
  throw costError('BAD_CONFIG', { name, value, allowed: 'US dollars an hour, as in 0.35' });
}

function readMemory(environment: Environment, name: string, minBytes: number): number | null {
  const value = environment[name];
  if (value === undefined) return null;
  const [, count = '', unit = ''] = /^(\d{1,6})(MB|GB|MiB|GiB)$/i.exec(value) ?? [];
  const sizeBytes = Number(count) * (MEMORY_UNITS[unit.toUpperCase()] ?? NaN);
  if (sizeBytes >= minBytes) return sizeBytes;
  const allowed = `a size of ${minBytes / 1024 ** 2}MiB or more, as in 512MB or 4GiB`;
  throw costError('BAD_CONFIG', { name, value, allowed });
}

function defaultMemoryBytes(): number {
  // In a container the limit of its control group counts; 0 means that there is none.
  const machineBytes = Math.min(totalmem(), process.constrainedMemory() || Infinity);
  return Math.max(QUERY_MEMORY_BYTES_MIN, Math.floor(machineBytes * QUERY_MEMORY_SHARE));
}

function readLimits(environment: Environment): Limits {
  const limits = { ...LIMITS_DEFAULT };
  for (const name of limitNames) {
    const variable = LIMIT_VARIABLES[name];
    const value = environment[variable];
    if (value === undefined) continue;
    const limit = parseLimit(name, value);
    if (limit === null) throw costError('BAD_CONFIG', { name: variable, value, allowed: limitForm(name) });
    limits[name] = limit;
  }
  return limits;
}

/** Of months and years by the calendar from now on. */
function readRetention(environment: Environment): number {
  const name = 'COSTGRAPH_RETENTION';
  const allowed = 'an ISO 8601 duration from PT0S to a hundred years, as in P90D or P13M';
  const value = readText(environment, name, allowed) ?? RETENTION_DEFAULT;
  const ms = durationMs(value);
  if (ms !== null && ms >= 0 && ms <= RETENTION_MS_MAX) return ms;
  throw costError('BAD_CONFIG', { name, value, allowed });
}

function durationMs(text: string): number | null {
  try {
    const relativeTo = Temporal.Now.zonedDateTimeISO('UTC');
    return Math.floor(Temporal.Duration.from(text).total({ unit: 'milliseconds', relativeTo }));
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** Null where unset. Set but empty is wrong: it is what a deployment with a forgotten value looks like. */
function readText(environment: Environment, name: string, allowed: string): string | null {
  const value = environment[name];
  if (value === undefined) return null;
  if (value.trim() === '') throw costError('BAD_CONFIG', { name, value, allowed });
  return value;
}

function warnOfIgnored(environment: Environment): void {
  const ignored = Object.keys(environment)
    .filter((name) => NOT_SUPPORTED.includes(name) || name.startsWith('COSTGRAPH_'))
    .filter((name) => !READ.includes(name))
    .map((name) => {
      const [near] = NOT_SUPPORTED.includes(name) ? [] : nearNames(name, READ);
      return near === undefined ? name : `${name} (did you mean ${near}?)`;
    });
  if (ignored.length === 0) return;
  log('warn', 'config.ignored', {
    variables: ignored.join(', '),
    reason: 'This version does not support them; they have no effect.',
  });
}
