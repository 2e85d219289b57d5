import { describe, expect, it } from 'vitest';

import { canMatchNothing, compilePattern } from '../../src/core/re2.ts';

function program(pattern: string) {
  const compiled = compilePattern(pattern, false);
  if ('kind' in compiled) throw new Error(`${pattern}: ${compiled.kind}`);
  return compiled;
}

describe('an expression', () => {
  it.each(['', 'a*', 'a?|b', '^', '$', '\\b', '\\B', '(a|)', '(?:x*)*', '^\\s*$'])(
    'matches nothing: %s',
    (it) => expect(canMatchNothing(program(it))).toBe(true),
  );

  it.each(['a', 'a+', '.', '^a', 'a\\b', '(a|b)c*', '\\s+', '[^x]', '(?i)k', '字'])(
    'matches something: %s',
    (it) => expect(canMatchNothing(program(it))).toBe(false),
  );

  it('that repeats too much is refused before it is compiled', () =>
    expect(compilePattern('(a{1000}){1000}', false)).toMatchObject({ kind: 'long', what: 'repetitions' }));
});
