import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serverAudits } from 'graphql-http';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';

import { createAuthenticate } from '../../src/access/authenticate.ts';
import { issueToken } from '../../src/access/issue-token.ts';
import type { Scope } from '../../src/access/scopes.ts';
import { costError } from '../../src/core/errors.ts';
import { tenantId } from '../../src/core/ids.ts';
import { BODY_BYTES_MAX } from '../../src/schema/http-handler.ts';
import { readTrustedDocuments } from '../../src/schema/persisted-operations.ts';
import { cannedEngine } from '../support/canned-engine.ts';
import type { Harness } from '../support/graphql-harness.ts';
import { startGraphql } from '../support/graphql-harness.ts';

const { engine, asked } = cannedEngine({ rows: [], totals: { count: 0n } });
let harness: Harness;
beforeAll(async () => {
  harness = await startGraphql(engine);
});
afterAll(() => harness.close());
beforeEach(() => {
  asked.answer.length = 0;
});

const JSON_TYPE = { 'content-type': 'application/json' };
const VIEWER = '{ viewer { tenant } }';

function post(body: BodyInit, headers: Record<string, string> = {}, url = harness.url): Promise<Response> {
  return fetch(`${url}/graphql`, { method: 'POST', headers: { ...JSON_TYPE, ...headers }, body });
}
const ask = (query: string, headers: Record<string, string> = {}, url = harness.url) =>
  post(JSON.stringify({ query }), headers, url);
const get = (parameters: Record<string, string>, headers: Record<string, string> = {}) =>
  fetch(`${harness.url}/graphql?${new URLSearchParams(parameters)}`, { headers });

async function codeOf(response: Response): Promise<unknown> {
  const { errors } = (await response.json()) as { errors: { extensions: { code: string } }[] };
  return errors[0]?.extensions.code;
}

describe('GraphQL over HTTP', () => {
  const audits = serverAudits({ url: () => `${harness.url}/graphql`, fetchFn: fetch });

  it.each(audits.map((audit) => [audit.name, audit] as const))('%s', async (_, audit) => {
    const result = await audit.fn();
    const reason = 'reason' in result ? result.reason : '';
    // A notice is about what a server MAY do.
    expect(['ok', 'notice'], reason).toContain(result.status);
  });

  it('answers by GET and by POST', async () => {
    const expected = { data: { viewer: { tenant: 'demo' } } };
    expect(await (await ask(VIEWER)).json()).toEqual(expected);
    expect(await (await get({ query: VIEWER })).json()).toEqual(expected);
    const variables = JSON.stringify({ key: 'service_name' });
    const query = 'query Q($key: DimensionKey!) { dimension(key: $key) { label } }';
    expect(await (await get({ query, variables })).json()).toEqual({
      data: { dimension: { label: 'Service Name' } },
    });
  });

  it('takes no body but JSON, so that no page of a browser can send one unasked', async () => {
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
      'application/graphql',
    ]) {
      const response = await post(`{"query":"${VIEWER}"}`, { 'content-type': type });
      expect(response.status).toBe(415);
      expect(await codeOf(response)).toBe('UNSUPPORTED_MEDIA_TYPE');
      expect(response.headers.get('access-control-allow-origin')).toBeNull();
    }
  });

  it.each([
    ['not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d])],
    ['not JSON', '{"query": '],
    ['a list', '[{"query":"{ viewer { tenant } }"}]'],
    ['a text', '"{ viewer { tenant } }"'],
    ['an unknown parameter', '{"query":"{ viewer { tenant } }","qery":"x"}'],
  ])('refuses a body that is %s', async (_, body) => {
    const response = await post(body);
    expect(response.status).toBe(400);
    expect(await codeOf(response)).toBe('BAD_REQUEST');
  });

  it('refuses variables of a GET that are no JSON', async () => {
    const response = await get({ query: VIEWER, variables: '{' });
    expect(response.status).toBe(400);
    expect(await codeOf(response)).toBe('BAD_REQUEST');
  });

  it(`refuses a body of more than ${BODY_BYTES_MAX} bytes, announced or not`, async () => {
    const filler = ' '.repeat(BODY_BYTES_MAX);
    const announced = await post(JSON.stringify({ query: VIEWER + filler }));
    expect(announced.status).toBe(413);
    expect(await codeOf(announced)).toBe('BODY_TOO_LARGE');
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        controller.enqueue(Buffer.from(`{"query":"${VIEWER}`));
        for (let i = 0; i < 20; i++) controller.enqueue(Buffer.alloc(BODY_BYTES_MAX / 16, ' '));
        controller.close();
      },
    });
    const streamed = await fetch(`${harness.url}/graphql`, {
      method: 'POST',
      headers: JSON_TYPE,
      body: stream,
      duplex: 'half', // Node asks for it; its types do not know it.
    } as RequestInit);
    expect(streamed.status).toBe(413);
    expect(await (await ask(VIEWER + ' '.repeat(BODY_BYTES_MAX / 2))).json()).toHaveProperty('data');
  });

  it('has nothing elsewhere, and says what a path takes', async () => {
    const missing = await fetch(`${harness.url}/nothing`);
    expect([missing.status, await missing.json()]).toMatchObject([404, { code: 'NOT_FOUND' }]);
    const wrong = await fetch(`${harness.url}/health/live`, { method: 'POST' });
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    const put = await fetch(`${harness.url}/graphql`, { method: 'PUT' });
    expect([put.status, put.headers.get('allow')]).toEqual([405, 'GET, POST']);
  });

  it('stops asking the engine when the asker hangs up', async () => {
    const aborted = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    const waiting = await startGraphql({
      ...engine,
      answer: (_bound, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            aborted.resolve();
            reject(new Error('aborted'));
          });
          started.resolve();
        }),
    });
    onTestFinished(() => waiting.close());
    const controller = new AbortController();
    const request = fetch(`${waiting.url}/graphql`, {
      method: 'POST',
      headers: JSON_TYPE,
      body: JSON.stringify({ query: '{ costs(query: { period: { month: "2018-10" } }) { currency } }' }),
      signal: controller.signal,
    });
    request.catch(() => {});
    await started.promise;
    controller.abort();
    await aborted.promise;
  });
});

describe('who may ask', () => {
  const secret = 'a secret of the tests, long enough';
  const token = (scopes: readonly Scope[]) => {
    const tenant = tenantId('acme');
    if (tenant === null) throw new Error('acme is a name');
    return issueToken({ tenant, subject: 'ann', scopes, ttlSeconds: 60 }, secret);
  };

  it('is who has a token with the scope read', async () => {
    const { url, close } = await startGraphql(engine, {
      authenticate: createAuthenticate({ kind: 'secret', secret }),
    });
    onTestFinished(close);
    const none = await ask(VIEWER, {}, url);
    expect([none.status, none.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    expect(await codeOf(none)).toBe('UNAUTHENTICATED');
    const writer = await ask(VIEWER, { authorization: `Bearer ${await token(['write'])}` }, url);
    expect([writer.status, await codeOf(writer)]).toEqual([403, 'FORBIDDEN']);
    const reader = await ask(VIEWER, { authorization: `Bearer ${await token(['read'])}` }, url);
    expect(await reader.json()).toEqual({ data: { viewer: { tenant: 'acme' } } });
    asked.bind.length = 0;
    await ask(
      '{ costs(query: { period: { month: "2018-10" } }) { version } }',
      { authorization: `Bearer ${await token(['read'])}` },
      url,
    );
    expect(asked.bind).toMatchObject([{ tenant: 'acme' }]);
  });

  it('may choose stores, pass caches and switch rules off with the scope admin', async () => {
    const { url, close } = await startGraphql(engine, {
      authenticate: createAuthenticate({ kind: 'secret', secret }),
    });
    onTestFinished(close);
    for (const header of [
      { 'costgraph-force-store': 'DUCKDB' },
      { 'costgraph-no-cache': '1' },
      { 'costgraph-rules-off': 'simplify-filter' },
    ]) {
      const as = async (scopes: readonly Scope[]) =>
        ask(VIEWER, { authorization: `Bearer ${await token(scopes)}`, ...header }, url);
      const reader = await as(['read', 'write']);
      expect([reader.status, await codeOf(reader)]).toEqual([403, 'FORBIDDEN']);
      expect(await (await as(['read', 'admin'])).json()).toEqual({ data: { viewer: { tenant: 'acme' } } });
    }
  });

  it('is, without a secret, only who asks this machine by its own name', async () => {
    const response = await new Promise<string>((resolve) => {
      const socket = connect(Number(new URL(harness.url).port), '127.0.0.1');
      let text = '';
      socket.on('data', (chunk) => (text += chunk.toString()));
      socket.on('end', () => resolve(text));
      socket.end(
        'GET /graphql?query={viewer{tenant}} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n',
      );
    });
    expect(response).toMatch(/^HTTP\/1.1 403/);
    expect(response).toContain('LOCAL_ONLY');
  });
});

describe('entity tags', () => {
  const OCTOBER = 'costs(query: { period: { month: "2018-10" } })';
  const table = `${OCTOBER} { version totals { chargeCount } }`;

  it('are the version of the table; who has it gets 304 and nothing is run', async () => {
    const query = `{ ${table} }`;
    const first = await get({ query });
    const { data } = (await first.json()) as { data: { costs: { version: string } } };
    const tag = first.headers.get('etag') ?? '';
    expect(tag).toBe(`"${data.costs.version}"`);
    expect(asked.answer).toHaveLength(1);
    for (const header of [tag, `W/${tag}`, `"other", ${tag}`]) {
      const again = await get({ query }, { 'if-none-match': header });
      expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', tag]);
    }
    expect(asked.answer).toHaveLength(1);
    expect((await ask(query, { 'if-none-match': tag })).status).toBe(304);
    const other = await get({ query }, { 'if-none-match': '"other"' });
    expect([other.status, asked.answer.length]).toEqual([200, 2]);
  });

  it('of several tables change with each of them', async () => {
    const both = await get({ query: `{ a: ${table} b: ${table} }` });
    const one = await get({ query: `{ a: ${table} }` });
    expect(both.headers.get('etag')).toMatch(/^"[\w-]{22}"$/);
    expect(both.headers.get('etag')).not.toBe(one.headers.get('etag'));
  });

  it('are not given to what changes without a new version, nor to errors', async () => {
    for (const query of [
      `{ ${table} viewer { tenant } }`,
      `{ ${OCTOBER} { explain { planningMs } } }`,
      `{ ${OCTOBER} { freshness { lag } } }`,
      VIEWER,
      '{ costs(query: { period: { month: "never" } }) { version } }',
    ]) {
      const response = await get({ query });
      expect([query, response.status, response.headers.get('etag')]).toEqual([query, 200, null]);
    }
  });

  it('see through fragments and variables', async () => {
    const query =
      'query Q($q: CostQuery!) { ...Roots } fragment Roots on Query { costs(query: $q) { version } }';
    const variables = JSON.stringify({ q: { period: { month: '2018-10' } } });
    const first = await get({ query, variables });
    const again = await get({ query, variables }, { 'if-none-match': first.headers.get('etag') ?? '' });
    expect(again.status).toBe(304);
  });
});

describe('the headers of engineers', () => {
  const ROW = 'costs(groupBy: ["region_id"]) { totals { chargeCount } }';

  it('force a store for everything that the operation plans', async () => {
    const canned = cannedEngine({ rows: [{ keys: {}, measures: { count: 1n } }], totals: { count: 1n } });
    const own = await startGraphql(canned.engine);
    onTestFinished(() => own.close());
    const all = `{
      costs(query: { period: { month: "2018-10" } }) { explain { text } rows(first: 1) { nodes { ${ROW} } } }
      dimension(key: "service_name") { values(first: 1) { totalCount } }
    }`;
    const stores = async (headers: Record<string, string>) => {
      canned.asked.options.length = 0;
      expect(await (await ask(all, headers, own.url)).json()).not.toHaveProperty('errors');
      return canned.asked.options.map(({ forceStore }) => forceStore);
    };
    expect(await stores({})).toEqual([null, null, null, null]);
    expect(await stores({ 'costgraph-force-store': 'TRINO' })).toEqual(['TRINO', 'TRINO', 'TRINO', 'TRINO']);
  });

  it('switch rules off for everything that the operation plans', async () => {
    const canned = cannedEngine({ rows: [], totals: { count: 1n } });
    const own = await startGraphql(canned.engine);
    onTestFinished(() => own.close());
    const all = `{
      costs(query: { period: { month: "2018-10" } }) { explain { text } totals { chargeCount } }
      dimension(key: "service_name") { values(first: 1) { totalCount } }
    }`;
    const headers = { 'costgraph-rules-off': 'prune-columns, simplify-filter' };
    expect(await (await ask(all, headers, own.url)).json()).not.toHaveProperty('errors');
    const off = canned.asked.options.map(({ rulesOff }) => [...rulesOff]);
    expect(off).toEqual([headers, headers, headers].map(() => ['prune-columns', 'simplify-filter']));
  });

  it.each([
    ['simplify-filters', 'simplify-filters', 'Did you mean simplify-filter?'],
    ['simplify-filter, Prune-Columns', 'Prune-Columns', 'Did you mean prune-columns?'],
    ['', '', /^Rules: simplify-filter, .*aggregate-before-lookup/],
    ['everything', 'everything', /^Rules: simplify-filter, /],
  ])('Costgraph-Rules-Off: %s is refused with the nearest rules, or all', async (value, name, hint) => {
    const headers = { 'costgraph-rules-off': value, accept: 'application/graphql-response+json' };
    const response = await ask(VIEWER, headers);
    expect(response.status).toBe(400);
    const { errors } = (await response.json()) as { errors: { extensions: { hint: string } }[] };
    expect(errors).toMatchObject([
      {
        message: `The header Costgraph-Rules-Off names "${name}", which is no rule`,
        extensions: { code: 'BAD_REQUEST', hint: expect.stringMatching(hint) },
      },
    ]);
  });

  it.each([
    ['Costgraph-Force-Store', 'duckdb', 'Allowed: DUCKDB, TRINO, REDIS.'],
    ['Costgraph-Force-Store', '', 'Allowed: DUCKDB, TRINO, REDIS.'],
    ['Costgraph-No-Cache', 'yes', 'Allowed: 1.'],
  ])('%s: %s is refused with what is allowed', async (name, value, hint) => {
    const response = await ask(VIEWER, { [name]: value, accept: 'application/graphql-response+json' });
    expect(response.status).toBe(400);
    const { errors } = (await response.json()) as { errors: unknown[] };
    expect(errors).toMatchObject([
      { message: `The header ${name} is "${value}"`, extensions: { code: 'BAD_REQUEST', hint } },
    ]);
  });

  it.each([
    { 'costgraph-force-store': 'DUCKDB' },
    { 'costgraph-no-cache': '1' },
    { 'costgraph-no-cache': '1', 'costgraph-force-store': 'DUCKDB' },
    { 'costgraph-rules-off': 'simplify-filter' },
  ])('are answered anew, whatever the asker holds: %o', async (headers) => {
    const table = '{ costs(query: { period: { month: "2018-10" } }) { version totals { chargeCount } } }';
    const tag = (await ask(table)).headers.get('etag') ?? '';
    expect((await ask(table, { 'if-none-match': tag })).status).toBe(304);
    const anew = await ask(table, { ...headers, 'if-none-match': tag });
    expect([anew.status, anew.headers.get('etag')]).toEqual([200, tag]);
    expect(asked.answer).toHaveLength(2);
  });
});

describe('stored operations', () => {
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  const extensions = (hash: string) => ({ persistedQuery: { version: 1, sha256Hash: hash } });

  it('are asked for by hash once their text was sent with it', async () => {
    const query = '{ viewer { subject } }';
    const hash = sha256(query);
    const unknown = await post(JSON.stringify({ extensions: extensions(hash) }));
    expect(await codeOf(unknown)).toBe('PERSISTED_QUERY_NOT_FOUND');
    const expected = { data: { viewer: { subject: 'local' } } };
    const stored = await post(JSON.stringify({ query, extensions: extensions(hash) }));
    expect(await stored.json()).toEqual(expected);
    expect(await (await post(JSON.stringify({ extensions: extensions(hash) }))).json()).toEqual(expected);
    expect(await (await get({ extensions: JSON.stringify(extensions(hash)) })).json()).toEqual(expected);
    expect(await (await get({ documentId: `sha256:${hash}` })).json()).toEqual(expected);
  });

  it('are not stored under the hash of another text', async () => {
    const response = await post(JSON.stringify({ query: VIEWER, extensions: extensions(sha256('{ x }')) }));
    expect(await codeOf(response)).toBe('BAD_REQUEST');
  });

  it('of the operator are asked for by name or hash', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'operations-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'who-am-i.graphql'), VIEWER);
    const { url, close } = await startGraphql(engine, {
      trustedDocuments: await readTrustedDocuments(folder),
    });
    onTestFinished(close);
    for (const documentId of ['who-am-i', sha256(VIEWER)]) {
      const response = await post(JSON.stringify({ documentId }), {}, url);
      expect(await response.json()).toEqual({ data: { viewer: { tenant: 'demo' } } });
    }
    expect(await readTrustedDocuments(join(folder, 'none'))).toEqual(new Map());
  });
});

describe('health', () => {
  it('is live at once, and ready when every part is', async () => {
    let waitsFor: string | null = 'loading the sample';
    const { url, close } = await startGraphql(
      () => {
        if (waitsFor === null) return engine;
        throw costError('NOT_READY', { waitingFor: waitsFor });
      },
      { readiness: () => ({ engine: waitsFor }) },
    );
    onTestFinished(close);
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    const starting = await fetch(`${url}/health/ready`);
    expect([starting.status, await starting.json()]).toEqual([
      503,
      { ready: false, parts: { engine: 'loading the sample' } },
    ]);
    const early = await ask(VIEWER, {}, url);
    expect([early.status, early.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await codeOf(early)).toBe('NOT_READY');
    waitsFor = null;
    const ready = await fetch(`${url}/health/ready`);
    expect([ready.status, await ready.json()]).toEqual([200, { ready: true, parts: { engine: 'ready' } }]);
    expect((await ask(VIEWER, {}, url)).status).toBe(200);
  });
});

describe('the explorer', () => {
  it('is one page that loads nothing from elsewhere', async () => {
    const page = await fetch(`${harness.url}/`);
    const html = await page.text();
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(html).toContain('CostsByService');
    const opening = html.slice(0, html.indexOf('<style>'));
    expect(opening).not.toMatch(/(?:src|href)="https?:/);
    expect(html).not.toMatch(/<script[^>]+src=|<link[^>]+rel="stylesheet"/);
    const again = await fetch(`${harness.url}/`, {
      headers: { 'if-none-match': page.headers.get('etag') ?? '' },
    });
    expect(again.status).toBe(304);
  });

  it('opens at /graphql for browsers, and asks an operation that is valid', async () => {
    const page = await fetch(`${harness.url}/graphql`, { headers: { accept: 'text/html,*/*' } });
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const { EXAMPLE_OPERATION } = await import('../../src/schema/example-operation.ts');
    expect(await (await ask(EXAMPLE_OPERATION)).json()).not.toHaveProperty('errors');
  });
});
