import { resolve } from 'node:path';

import { afterEach, describe, expect, it, vi } from 'vitest';

import { readConfig } from '../src/config.ts';

const SECRET = 'a-secret-of-exactly-32-bytes-ok!';

const said: string[] = [];
const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0);
afterEach(() => said.splice(0));

describe('readConfig', () => {
  it('serves this machine, with the sample, when nothing is set', () => {
    expect(readConfig({})).toMatchObject({
      host: '127.0.0.1',
      port: 4000,
      dataFolder: resolve('.costgraph'),
      hasSample: true,
      access: { kind: 'open' },
    });
    expect(readConfig({}).threads).toBeGreaterThan(0);
    expect(readConfig({}).retentionMs).toBe(90 * 86_400_000);
    expect(readConfig({}).queryMemoryBytes).toBeGreaterThanOrEqual(128 * 1024 ** 2);
    expect(write).not.toHaveBeenCalled();
  });

  it('takes what is set', () => {
    const config = readConfig({
      HOST: '0.0.0.0',
      PORT: '0',
      COSTGRAPH_DATA: '/var/lib/costgraph',
      COSTGRAPH_SAMPLE: 'off',
      COSTGRAPH_AUTH_SECRET: SECRET,
      COSTGRAPH_QUERY_MEMORY: '2GiB',
      COSTGRAPH_CACHE_MEMORY: '0MB',
      COSTGRAPH_DUCKDB_USD_PER_HOUR: '0.35',
      COSTGRAPH_THREADS: '3',
      COSTGRAPH_RETENTION: 'P30DT12H',
      COSTGRAPH_DICTIONARY_RESOURCES: '20000000',
      COSTGRAPH_DICTIONARY_TAG_SETS: '0',
      COSTGRAPH_ROLLUP_ROWS_MAX: '0',
      COSTGRAPH_QUERY_BYTES_MAX: '5',
      COSTGRAPH_QUERY_ROWS_MAX: '6',
      COSTGRAPH_QUERY_GROUPS_MAX: '7',
      COSTGRAPH_QUERY_USD_MAX: '0.25',
      COSTGRAPH_QUERY_MS_MAX: '8',
      COSTGRAPH_DAILY_BYTES_MAX: '9',
      COSTGRAPH_DAILY_USD_MAX: '10',
      COSTGRAPH_DAILY_MS_MAX: '0',
    });
    expect(config).toEqual({
      host: '0.0.0.0',
      port: 0,
      dataFolder: '/var/lib/costgraph',
      hasSample: false,
      access: { kind: 'secret', secret: SECRET },
      queryMemoryBytes: 2 * 1024 ** 3,
      cacheBytes: 0,
      duckdbUsdPerHour: 0.35,
      threads: 3,
      retentionMs: 30.5 * 86_400_000,
      dictionaryBudget: { resources: 20_000_000, tags: 0 },
      rollupRowsMax: 0,
      limits: {
        'query-bytes': 5n,
        'query-rows': 6n,
        'query-groups': 7n,
        'query-usd': 250_000_000_000n,
        'query-ms': 8n,
        'daily-bytes': 9n,
        'daily-usd': 10n ** 13n,
        'daily-ms': 0n,
      },
    });
    expect(said).toEqual([]);
  });

  it('takes a key set over https, and over http from this machine', () => {
    const url = 'https://id.example/keys';
    const access = { kind: 'jwks', url: new URL(url), issuer: null, audience: 'costgraph' };
    const some = { HOST: '::', COSTGRAPH_JWKS_URL: url, COSTGRAPH_JWKS_AUDIENCE: 'costgraph' };
    expect(readConfig(some).access).toEqual(access);
    expect(readConfig({ COSTGRAPH_JWKS_URL: 'http://localhost:1/keys' }).access.kind).toBe('jwks');
  });

  it.each([
    ['HOST', 'http://localhost', 'without a port'],
    ['HOST', 'localhost:4000', 'without a port'],
    ['HOST', '', 'an address'],
    ['PORT', '70000', 'from 0 to 65535'],
    ['PORT', '4e3', 'from 0 to 65535'],
    ['PORT', '', 'from 0 to 65535'],
    ['COSTGRAPH_DATA', ' ', 'a folder'],
    ['COSTGRAPH_SAMPLE', 'false', 'on, off'],
    ['COSTGRAPH_JWKS_URL', 'http://id.example/keys', 'https'],
    ['COSTGRAPH_JWKS_URL', 'keys', 'https'],
    ['COSTGRAPH_JWKS_ISSUER', 'https://id.example', 'together with'],
    ['COSTGRAPH_JWKS_AUDIENCE', 'costgraph', 'together with'],
    ['COSTGRAPH_QUERY_MEMORY', '2', '128MiB or more'],
    ['COSTGRAPH_QUERY_MEMORY', '1MB', '128MiB or more'],
    ['COSTGRAPH_CACHE_MEMORY', '1', '0MiB or more'],
    ['COSTGRAPH_DUCKDB_USD_PER_HOUR', '-1', 'US dollars an hour'],
    ['COSTGRAPH_THREADS', '0', 'from 1 to 256'],
    ['COSTGRAPH_THREADS', '257', 'from 1 to 256'],
    ['COSTGRAPH_QUERY_BYTES_MAX', '', 'a whole number from 0'],
    ['COSTGRAPH_QUERY_ROWS_MAX', '1e9', 'a whole number from 0'],
    ['COSTGRAPH_QUERY_GROUPS_MAX', '-1', 'a whole number from 0'],
    ['COSTGRAPH_QUERY_USD_MAX', '$1', 'US dollars from 0'],
    ['COSTGRAPH_QUERY_MS_MAX', 'none', 'a whole number from 0'],
    ['COSTGRAPH_DAILY_USD_MAX', '0.0000000000001', 'at most 12 decimal places'],
    ['COSTGRAPH_RETENTION', '90', 'ISO 8601 duration'],
    ['COSTGRAPH_RETENTION', '', 'ISO 8601 duration'],
    ['COSTGRAPH_RETENTION', '-P1D', 'from PT0S'],
    ['COSTGRAPH_RETENTION', 'P101Y', 'to a hundred years'],
  ])('refuses %s="%s", naming it, its value and what is allowed', (name, value, allowed) => {
    expect(() => readConfig({ [name]: value })).toThrow(
      expect.objectContaining({
        code: 'BAD_CONFIG',
        message: `${name} is "${value}"`,
        hint: expect.stringContaining(allowed),
      }),
    );
  });

  it.each(['0.0.0.0', '::', '192.168.1.5', 'example.org', '128.0.0.1', 'localhost.example.org'])(
    'refuses the open mode on %s, which others can reach',
    (host) => {
      expect(() => readConfig({ HOST: host })).toThrow(expect.objectContaining({ code: 'BAD_CONFIG' }));
      expect(readConfig({ HOST: host, COSTGRAPH_AUTH_SECRET: SECRET }).host).toBe(host);
    },
  );

  it.each([
    ['localhost', 'localhost'],
    ['127.8.9.1', '127.8.9.1'],
    ['::1', '::1'],
    ['[::1]', '::1'],
  ])('takes the open mode on %s', (host, listens) => {
    expect(readConfig({ HOST: host }).host).toBe(listens);
  });

  it('refuses a short secret without repeating it', () => {
    const short = SECRET.slice(1);
    expect(() => readConfig({ COSTGRAPH_AUTH_SECRET: short })).toThrow(
      'COSTGRAPH_AUTH_SECRET is "(31 bytes)"',
    );
    expect(() => readConfig({ COSTGRAPH_AUTH_SECRET: '' })).toThrow('COSTGRAPH_AUTH_SECRET is "(0 bytes)"');
  });

  it('refuses a secret beside a key set', () => {
    const both = { COSTGRAPH_AUTH_SECRET: SECRET, COSTGRAPH_JWKS_URL: 'https://id.example/keys' };
    expect(() => readConfig(both)).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('not both') }),
    );
  });

  it('warns once of variables that have no effect, with what may have been meant', () => {
    readConfig({ DATABASE_URL: 'postgres://u:p@h/d', COSTGRAPH_AUTH_SECRETS: SECRET, PATH: '/bin' });
    expect(said).toHaveLength(1);
    const { event, variables } = JSON.parse(said[0] ?? '');
    expect(event).toBe('config.ignored');
    expect(variables).toBe('DATABASE_URL, COSTGRAPH_AUTH_SECRETS (did you mean COSTGRAPH_AUTH_SECRET?)');
    expect(said[0]).not.toContain('postgres:');
  });
});
