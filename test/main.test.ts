import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';

import { createAuthenticate } from '../src/access/authenticate.ts';

const SECRET = 'a-secret-of-exactly-32-bytes-ok!';
const program = join(import.meta.dirname, '..', 'src', 'main.ts');

type Outcome = { status: number | null; stdout: string; stderr: string };

async function costgraph(args: string[], environment: Record<string, string> = {}): Promise<Outcome> {
  const child = spawn(process.execPath, [program, ...args], {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [[status], stdout, stderr] = await Promise.all([
    once(child, 'close'),
    text(child.stdout),
    text(child.stderr),
  ]);
  return { status, stdout, stderr };
}

describe('costgraph', () => {
  it('lists its commands', async () => {
    const { status, stdout, stderr } = await costgraph(['--help']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('token');
  });

  it('says what was meant by a misspelt command', async () => {
    const { status, stdout, stderr } = await costgraph(['tokn']);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^USAGE: There is no command "tokn"\. Did you mean token\?\nUsage: /);
  });

  it('exits with 2 when no command, or a name of every object, is given', async () => {
    expect((await costgraph([])).status).toBe(2);
    expect((await costgraph(['constructor'])).status).toBe(2);
  });

  it('says what is wrong with the environment, and exits with 1', async () => {
    const args = ['token', '--tenant', 'demo', '--scope', 'read'];
    const { status, stderr } = await costgraph(args, { PORT: 'x', COSTGRAPH_AUTH_SECRET: SECRET });
    expect(status).toBe(1);
    expect(stderr).toBe('BAD_CONFIG: PORT is "x". Allowed: a whole number from 0 to 65535.\n');
  });
});

describe('costgraph token', () => {
  const environment = { COSTGRAPH_AUTH_SECRET: SECRET };
  const wanted = ['token', '--tenant', 'acme', '--scope', 'read, rules'];

  it('prints a token that lets in, for an hour', async () => {
    const { status, stdout, stderr } = await costgraph(wanted, environment);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const authenticate = createAuthenticate({ kind: 'secret', secret: SECRET });
    const principal = await authenticate(new Headers({ authorization: `Bearer ${stdout.trim()}` }));
    expect(principal).toEqual({ tenant: 'acme', subject: 'cli', scopes: new Set(['read', 'rules']) });
    const { iat = 0, exp = 0 } = decodeJwt(stdout.trim());
    expect(exp - iat).toBe(3_600);
  });

  it('takes a duration and a subject', async () => {
    const { stdout } = await costgraph([...wanted, '--ttl', 'P1DT1S', '--subject', 'ann'], environment);
    const { iat = 0, exp = 0, sub } = decodeJwt(stdout.trim());
    expect({ seconds: exp - iat, sub }).toEqual({ seconds: 86_401, sub: 'ann' });
  });

  it.each([
    [['--ttl', '1h'], 'USAGE: --ttl "1h" is no duration from 1 second to 366 days.'],
    [['--ttl', 'PT0S'], 'USAGE: --ttl "PT0S"'],
    [['--ttl', 'P367D'], 'USAGE: --ttl "P367D"'],
    [['--ttl=-PT1H'], 'USAGE: --ttl "-PT1H"'],
    [['--tll', 'PT1H'], 'USAGE: There is no option --tll. Did you mean --ttl?'],
  ])('refuses %j', async (more, said) => {
    const { status, stdout, stderr } = await costgraph([...wanted, ...more], environment);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(said);
    expect(stderr).toContain('\nUsage: costgraph token --tenant T --scope SCOPES');
  });

  it.each([
    ['raed', 'USAGE: "raed" is no scope. Did you mean read?'],
    [',', 'USAGE: "" is no scope. Did you mean read or write or rules or admin?'],
  ])('refuses the scope "%s"', async (scope, said) => {
    const { status, stderr } = await costgraph(['token', '--tenant', 'acme', '--scope', scope], environment);
    expect(status).toBe(2);
    expect(stderr).toContain(said);
  });

  it('refuses what is no tenant name', async () => {
    const { status, stderr } = await costgraph(['token', '--tenant', '../x', '--scope', 'read'], environment);
    expect(status).toBe(1);
    expect(stderr).toContain('BAD_NAME: "../x" is no tenant name');
  });

  it('needs the secret', async () => {
    const { status, stderr } = await costgraph(wanted);
    expect(status).toBe(1);
    expect(stderr).toContain('BAD_CONFIG: COSTGRAPH_AUTH_SECRET is "(unset)"');
  });
});
