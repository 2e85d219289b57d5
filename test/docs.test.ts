import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

import { buildSchema, parse, validate } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { runCommand } from '../src/commands/run-command.ts';
import { LIMITS_DEFAULT } from '../src/config.ts';
import { formatLimit, limitNames } from '../src/core/limits.ts';

const ROOT = resolve(import.meta.dirname, '..');

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** Every document of the repository, by its path from the root. */
const documents = ['.', 'docs', 'src', 'data']
  .flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: folder !== '.', encoding: 'utf8' }).map((name) =>
      join(folder, name),
    ),
  )
  .filter((name) => name.endsWith('.md'))
  .map((path) => [path, read(path)] as const);

function document(path: string): string {
  const text = documents.find(([name]) => name === path)?.[1];
  if (text === undefined) throw new Error(`there is no ${path}`);
  return text;
}

/** The contents of fenced blocks of one language. */
function blocks(text: string, language: string): string[] {
  const fences = text.matchAll(new RegExp(`^( *)\`\`\`${language}\n([^]*?)^\\1\`\`\``, 'gm'));
  return [...fences].map((match) => match[2] ?? '');
}

/** Names in backquotes in the first cell of a table's rows. */
function namesOfRows(text: string): Set<string> {
  const cells = text.split('\n').map((line) => /^\|([^|]*)\|/.exec(line)?.[1] ?? '');
  return new Set(cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '')));
}

/** As on GitHub: lower case, punctuation dropped, spaces as hyphens. */
function anchors(text: string): string[] {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map((match) => match[1] ?? '');
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** Those that the program's own help lists. */
async function commandNames(): Promise<string[]> {
  const stdout = new PassThrough();
  const io = { stdout, stderr: stdout, environment: {} };
  await runCommand(['--help'], io);
  const help = await text(stdout.end());
  return [...help.matchAll(/^ {2}([a-z]+) {2,}/gm)].map((match) => match[1] ?? '');
}

describe('links between documents', () => {
  const links = documents.flatMap(([path, text]) =>
    [...text.matchAll(/\]\(([^)\s]+)\)/g)]
      .map((match) => match[1] ?? '')
      .filter((target) => !/^[a-z]+:/.test(target))
      .map((target) => [path, target] as const),
  );

  it('finds them', () => expect(links.length).toBeGreaterThan(20));

  it.each(links)('%s leads to %s', (path, target) => {
    const [file = '', anchor] = target.split('#');
    const absolute = file === '' ? join(ROOT, path) : resolve(ROOT, dirname(path), file);
    expect(existsSync(absolute), absolute).toBe(true);
    if (anchor !== undefined) expect(anchors(readFileSync(absolute, 'utf8'))).toContain(anchor);
  });
});

describe('what the documents name', () => {
  it('says of every error code what to do', () => {
    const catalogue = read('src/core/errors.ts');
    const codes = [...catalogue.matchAll(/^ {2}([A-Z][A-Z_]+): entry/gm)].map((match) => match[1] ?? '');
    expect(codes.length).toBeGreaterThan(30);
    const told = namesOfRows(document('docs/queries.md') + document('docs/operating.md'));
    expect(codes.filter((code) => !told.has(code))).toEqual([]);
  });

  it('says what every quarantine code means', async () => {
    const { quarantineCodes } = await import('../src/ingest/formats/format.ts');
    const told = namesOfRows(document('docs/loading-bills.md'));
    expect(quarantineCodes.filter((code) => !told.has(code))).toEqual([]);
  });

  it('says what every code of a bad row of driver data means', async () => {
    const { telemetryRowCodes } = await import('../src/ingest/telemetry-file.ts');
    const { telemetryCallCodes } = await import('../src/ingest/load-telemetry-rows.ts');
    const told = namesOfRows(document('docs/telemetry.md'));
    expect([...telemetryRowCodes, ...telemetryCallCodes].filter((code) => !told.has(code))).toEqual([]);
  });

  it('says what every rule does', async () => {
    const { rules } = await import('../src/planner/logical-to-pushed.ts');
    const told = namesOfRows(document('docs/explain.md'));
    expect(rules.map(({ name }) => name).filter((name) => !told.has(name))).toEqual([]);
  });

  it('describes every variable of the environment', () => {
    const names = [...read('src/config.ts').matchAll(/'(HOST|PORT|DATABASE_URL|COSTGRAPH_[A-Z_]+)'/g)];
    const operating = document('docs/operating.md');
    const missing = names.map((match) => match[1] ?? '').filter((name) => !operating.includes(`\`${name}\``));
    expect(missing).toEqual([]);
  });

  it('names only commands that exist', async () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const commands = await commandNames();
    const wrong = documents.flatMap(([path, text]) => {
      const asked = [...text.matchAll(/npm (?:run (?:-s )?([\w:-]+)|(start|test)\b)/g)].map(
        (match) => match[1] ?? match[2] ?? '',
      );
      const called = [...text.matchAll(/(?:npm run -s costgraph -- |`costgraph )([a-z]+)/g)].map(
        (match) => match[1] ?? '',
      );
      return [
        ...asked.filter((name) => !Object.hasOwn(scripts, name)),
        ...called.filter((name) => !commands.includes(name)),
      ].map((name) => `${path}: ${name}`);
    });
    expect(wrong).toEqual([]);
  });

  it('keeps one version of Node everywhere', () => {
    const { engines, optionalDependencies } = JSON.parse(read('package.json')) as {
      engines: { node: string };
      optionalDependencies: Record<string, string>;
    };
    const version = read('.node-version').trim();
    expect(new Set(Object.values(optionalDependencies))).toEqual(new Set([version]));
    const needed = /const NODE_MIN = \{ major: (\d+), minor: (\d+) \}/.exec(read('src/main.ts'));
    expect(engines.node).toBe(`>=${needed?.[1]}.${needed?.[2]}`);
    expect(document('README.md')).toContain(`Node ${needed?.[1]}.${needed?.[2]} or newer`);
  });
});

describe('the limits of docs/operating.md', () => {
  const rows = [
    ...document('docs/operating.md').matchAll(/^\| `([A-Z_]+)` +\| (\d+) +\| (src\/\S+\.ts) +\|$/gm),
  ];
  const limits = rows.map(([, name = '', value = '', file = '']) => [name, value, file] as const);

  it('finds them', () => expect(limits.length).toBeGreaterThan(20));

  it.each(limits)('%s is %s in %s', async (name, value, file) => {
    const loaded: Record<string, unknown> = await import(relative(import.meta.dirname, join(ROOT, file)));
    expect(String(loaded[name])).toBe(value);
  });
});

describe('what tenants may use by docs/operating.md', () => {
  const rows = document('docs/operating.md').matchAll(
    /^\| `((?:query|daily)-\w+)` +\| (?:`([\d.]+)`|none) +\| `(COSTGRAPH_\w+)`/gm,
  );
  const told = [...rows].map(([, name, value = null, variable]) => ({ name, value, variable }));

  it('is what holds where nothing is set, by the variables that set it', () => {
    const known = limitNames.map((name) => {
      const value = LIMITS_DEFAULT[name];
      const variable = `COSTGRAPH_${name.replace('-', '_').toUpperCase()}_MAX`;
      return { name, value: value === null ? null : formatLimit(name, value), variable };
    });
    expect(told).toEqual(known);
  });
});

const operations = documents.flatMap(([path, content]) =>
  blocks(content, 'graphql').map((source, i) => [`${path} ${i + 1}`, source] as const),
);

describe('GraphQL in the documents', () => {
  const schema = buildSchema(read('schema.graphql'));

  it('finds it', () => expect(operations.length).toBeGreaterThan(4));

  it.each(operations)('%s fits the schema', (_, source) => {
    expect(validate(schema, parse(source)).map((error) => error.message)).toEqual([]);
  });
});

describe('decisions', () => {
  const folder = join(ROOT, 'docs/adr');
  const names = readdirSync(folder).filter((name) => /^\d/.test(name));

  it('are numbered without gaps and listed', () => {
    expect(names.map((name) => Number(name.slice(0, 4)))).toEqual(names.map((_, i) => i + 1));
    for (const name of names) expect(document('docs/adr/README.md')).toContain(`(${name})`);
  });

  it.each(names)('%s has all its parts in at most 40 lines', (name) => {
    const text = readFileSync(join(folder, name), 'utf8');
    const parts = [...text.matchAll(/^## (.+)$/gm)].map((match) => match[1]);
    expect(parts).toEqual(['Context', 'Decision', 'Consequences', 'Alternatives']);
    expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(40);
  });
});

/** Loading the sample takes seconds; a busy machine several times as long. */
const START_MS_MAX = 180_000;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}

describe('the server with the sample', () => {
  let server: ChildProcess;
  let folder: string;
  let origin: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'costgraph-docs-'));
    const port = await freePort();
    origin = `http://127.0.0.1:${port}`;
    server = spawn(process.execPath, [join(ROOT, 'src/main.ts'), 'serve'], {
      env: { PATH: process.env['PATH'], PORT: String(port), COSTGRAPH_DATA: folder },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let errors = '';
    server.stderr?.on('data', (chunk) => (errors += String(chunk)));
    const until = Date.now() + START_MS_MAX;
    while (!(await isReady())) {
      if (server.exitCode !== null || Date.now() > until)
        throw new Error(`the server did not start: ${errors}`);
      await sleep(200);
    }
  }, START_MS_MAX + 10_000);

  afterAll(async () => {
    if (server.exitCode === null) {
      server.kill();
      await once(server, 'exit');
    }
    await rm(folder, { recursive: true, force: true });
  });

  async function isReady(): Promise<boolean> {
    return fetch(`${origin}/health/ready`).then(
      (response) => response.ok,
      () => false,
    );
  }

  async function ask(body: string): Promise<unknown> {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${origin}/graphql`, { method: 'POST', headers, body });
    return response.json();
  }

  it('answers the first query of README.md as it is printed there', async () => {
    const readme = document('README.md');
    const [request = ''] = blocks(readme, 'sh');
    const [answer = ''] = blocks(readme, 'json');
    const body = / -d '([^']+)'/.exec(request)?.[1] ?? '';
    expect(await ask(body)).toEqual(JSON.parse(answer));
  });

  it.each(operations)('answers %s', async (_, query) => {
    const answer = await ask(JSON.stringify({ query }));
    expect(answer).toHaveProperty('data');
    expect(answer).not.toHaveProperty('errors');
  });

  it('plans as docs/explain.md shows', async () => {
    const explain = document('docs/explain.md');
    const [query = ''] = blocks(explain, 'graphql');
    const [plan = ''] = blocks(explain, 'text');
    const answer = await ask(JSON.stringify({ query }));
    expect(answer).toHaveProperty('data.costs.explain.text', plan.trimEnd());
  });
});
