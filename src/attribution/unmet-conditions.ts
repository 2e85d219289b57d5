import type { Finding } from './check-rules.ts';
import type { ConditionTest, Position, RuleSet } from './rule-set.ts';
import { testsOf } from './rule-set.ts';

const VALUES_SHOWN = 5;

/**
 * Tests of columns and tags that no data meets: misspelt values, most of them. Tests of other dimensions are not
 * asked about.
 *
 * @param countMeeting how many distinct values (or charges: only 0 matters) meet each test, in the order of the tests
 */
export async function unmetConditions(
  { dimensions, splits }: RuleSet,
  countMeeting: (tests: readonly ConditionTest[]) => Promise<readonly number[]>,
): Promise<readonly Finding[]> {
  const own = new Set(dimensions.map(({ key }) => key));
  const asked = [...dimensions.flatMap(({ rules }) => rules), ...splits].flatMap((rule) =>
    testsOf(rule.when)
      .filter(({ key, test }) => !own.has(key) && test.op !== 'any' && test.op !== 'none')
      .map((test) => ({ rule, test })),
  );
  if (asked.length === 0) return [];
  const counts = await countMeeting(asked.map(({ test }) => test));
  return asked.flatMap(({ rule, test }, i) => (counts[i] === 0 ? [unmet(rule, test)] : []));
}

function unmet(
  { name, line, column }: Position & { readonly name: string },
  { key, test }: ConditionTest,
): Finding {
  const values = 'values' in test ? test.values : 'value' in test ? [test.value] : [];
  const more = values.length > VALUES_SHOWN ? ` and ${values.length - VALUES_SHOWN} more` : '';
  const shown = values.slice(0, VALUES_SHOWN).map((value) => JSON.stringify(value));
  const message = `No charge meets the test of ${key} (${test.op} ${shown.join(', ')}${more}) in ${name}`;
  const hint = 'Compare the spelling with the values that there are; leave it out if it is of the past.';
  return { line, column, code: 'unmet-condition', message, hint, file: null };
}
