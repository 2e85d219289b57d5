import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { Command } from '../../src/commands/command.ts';
import { runCommand } from '../../src/commands/run-command.ts';
import { costError } from '../../src/core/errors.ts';

type Outcome = { status: number; stdout: string; stderr: string };

const log = vi.spyOn(process.stderr, 'write');
beforeEach(() => {
  log.mockClear().mockReturnValue(true);
});
afterEach(() => {
  log.mockReset();
});

/** Runs `import ARGS` where import is this command. */
async function run(command: Partial<Command> | Error, ...args: string[]): Promise<Outcome> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const usage = {
    options: {},
    operands: { name: 'FILE', min: 1, max: Infinity },
    examples: ['import a.csv'],
  };
  const load = async (): Promise<Command> => {
    if (command instanceof Error) throw command;
    return { usage, run: async () => undefined, ...command };
  };
  const registry = { import: { summary: 'load bills', load } };
  const status = await runCommand(['import', ...args], { stdout, stderr, environment: {} }, registry);
  stdout.end();
  stderr.end();
  return { status, stdout: await text(stdout), stderr: await text(stderr) };
}

function failing(error: unknown): Partial<Command> {
  return {
    run: async () => {
      throw error;
    },
  };
}

describe('runCommand', () => {
  it('passes on the arguments and exits with 0', async () => {
    const command: Partial<Command> = {
      run: async (args, io) => {
        io.stdout.write(args.join());
      },
    };
    expect(await run(command, 'a.csv', '--force')).toEqual({
      status: 0,
      stdout: 'a.csv,--force',
      stderr: '',
    });
  });

  it('prints a failure as one line and exits with 1', async () => {
    const error = costError('STORE_FAILED', {
      store: 'DuckDB',
      reason: 'Binder Error:\n  no such\n\ncolumn',
    });
    expect(await run(failing(error))).toEqual({
      status: 1,
      stdout: '',
      stderr:
        'STORE_FAILED: DuckDB failed: Binder Error: no such column. Try again; the log has the details.\n',
    });
  });

  it('prints the synopsis below wrong usage and exits with 2', async () => {
    const error = costError('USAGE', { reason: 'FILE is missing', hint: 'Name one.' });
    expect(await run(failing(error))).toEqual({
      status: 2,
      stdout: '',
      stderr: 'USAGE: FILE is missing. Name one.\nUsage: costgraph import FILE…\n',
    });
  });

  it.each([
    ['a bug', failing(new Error('of /secret/path'))],
    ['a command that cannot be loaded', new Error('of /secret/path')],
  ])('masks %s, logs it and exits with 1', async (_what, command) => {
    const { status, stderr } = await run(command);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^INTERNAL: Something went wrong on our side\. [^\n]*\n$/);
    expect(JSON.parse(String(log.mock.calls[0]?.[0]))).toMatchObject({
      level: 'error',
      event: 'command.failed',
      command: 'import',
      error: expect.stringContaining('of /secret/path'),
    });
  });

  it.each(['--help', '-h'])('shows the options and examples of a command with %s', async (help) => {
    const usage = {
      options: {
        tenant: { kind: 'text', value: 'T', isRequired: true, help: 'whose' },
        mode: { kind: 'text', value: 'MODE', isRequired: false, help: 'how' },
        force: { kind: 'flag', help: 'anyway' },
      },
      operands: { name: 'FILE', min: 0, max: 1 },
      examples: ['import --tenant acme'],
    } as const;
    const { status, stdout } = await run({ ...failing(new Error('was run')), usage }, 'x', help);
    expect(status).toBe(0);
    expect(stdout).toBe(
      [
        'import: load bills',
        '',
        'Usage: costgraph import --tenant T [--mode MODE] [--force] [FILE]',
        '',
        'Options:',
        '  --tenant T   whose',
        '  --mode MODE  how',
        '  --force      anyway',
        '',
        'Examples:',
        '  npm run -s costgraph -- import --tenant acme',
        '',
      ].join('\n'),
    );
  });
});
