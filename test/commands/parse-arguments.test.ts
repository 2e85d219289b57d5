import { describe, expect, it } from 'vitest';

import type { Usage } from '../../src/commands/command.ts';
import { parseArguments } from '../../src/commands/parse-arguments.ts';

const usage = {
  options: {
    tenant: { kind: 'text', value: 'T', isRequired: true, help: '' },
    mode: { kind: 'text', value: 'MODE', isRequired: false, help: '' },
    force: { kind: 'flag', help: '' },
  },
  operands: { name: 'FILE', min: 1, max: 2 },
  examples: [],
} as const satisfies Usage;

describe('parseArguments', () => {
  it('reads options and operands in any order', () => {
    expect(parseArguments(usage, ['a.csv', '--force', '--tenant', 'acme', '--mode=append', 'b.csv'])).toEqual(
      {
        options: { tenant: 'acme', mode: 'append', force: true },
        operands: ['a.csv', 'b.csv'],
      },
    );
  });

  it('gives null and false for what is left out', () => {
    const { options } = parseArguments(usage, ['--tenant', 'acme', 'a.csv']);
    expect(options).toEqual({ tenant: 'acme', mode: null, force: false });
  });

  it('takes everything after -- as operands, and values with a dash after =', () => {
    expect(parseArguments(usage, ['--tenant=-x', '--', '--force', '-h'])).toMatchObject({
      options: { tenant: '-x', force: false },
      operands: ['--force', '-h'],
    });
  });

  it.each([
    ['an unknown option', ['--tennant', 'acme'], 'There is no option --tennant', 'Did you mean --tenant?'],
    ['an unknown option far from any', ['--zzzzzz'], 'There is no option --zzzzzz', '--help shows'],
    ['a short option', ['-f'], 'There is no option -f', '--help shows'],
    ['a name of every object', ['--constructor=1'], 'There is no option --constructor', '--help shows'],
    ['a missing option', ['a.csv'], '--tenant T is missing', 'examples'],
    ['an option without its value', ['--tenant'], '--tenant needs a value', 'Write --tenant T'],
    ['an empty value', ['--tenant='], '--tenant needs a value', 'Write --tenant T'],
    [
      'an option where a value belongs',
      ['--tenant', '--force'],
      '--tenant needs a value',
      'Write --tenant T',
    ],
    ['a value for a flag', ['--force=yes'], '--force takes no value', 'alone'],
    ['an option given twice', ['--force', '--force'], '--force is given twice', 'once'],
    ['too few operands', ['--tenant', 'acme'], 'FILE is missing', 'examples'],
    ['too many operands', ['--tenant', 'acme', 'a', 'b', 'c'], '"c" is not expected here', '--help'],
  ])('refuses %s', (_what, args, message, hint) => {
    expect(() => parseArguments(usage, args)).toThrow(
      expect.objectContaining({ code: 'USAGE', message, hint: expect.stringContaining(hint) }),
    );
  });

  it('refuses any operand where there are none', () => {
    const none = { ...usage, options: {}, operands: null };
    expect(() => parseArguments(none, ['x'])).toThrow('"x" is not expected here');
  });
});
