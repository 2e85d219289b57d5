import { describe, expect, it } from 'vitest';
import { nearNames } from '../../src/core/near.ts';

const known = ['service_name', 'service_category', 'region_id', 'region_name', 'tag:Application', 'UTC'];

describe('the names nearest to a misspelt one', () => {
  it.each([
    ['servce_name', ['service_name']],
    ['serviceName', ['service_name']],
    ['SERVICE-NAME', ['service_name']],
    ['tag:application', ['tag:Application']],
    ['tag Application', ['tag:Application']],
    ['region_di', ['region_id']],
    ['utx', ['UTC']],
    ['', []],
    ['something else', []],
  ])('%j: %j', (wrong, near) => expect(nearNames(wrong, known)).toEqual(near));

  it('are the best three, the nearest first, equals by name', () => {
    expect(nearNames('abcdef', ['abcxyf', 'abcdex', 'abcdey', 'abcdxy', 'abcdef_'])).toEqual([
      'abcdef_',
      'abcdex',
      'abcdey',
    ]);
  });
});
