import { RE2JS } from 're2js';
import type { RuleSet, RuleValue, Validity } from '../../src/attribution/rule-set.ts';
import type { CaseValue, RuledDimension } from '../../src/planner/plan.ts';
import type { Read } from './meaning.ts';
import { meets } from './meaning.ts';

/** What rules mean, said in the plainest way for both judges. Shares no evaluating code with the product. */

const HOUR_MS = 3_600_000;
const floorHour = (instant: number) => Math.floor(instant / HOUR_MS) * HOUR_MS;
const ceilHour = (instant: number) => Math.ceil(instant / HOUR_MS) * HOUR_MS;

/** The value of a dimension of the rules for a charge whose columns and tags `read` gives. */
export function ruledValue(rules: RuleSet, key: string, read: Read, start: number): string | null {
  const hour = floorHour(start);
  const isValid = ({ from, to }: Validity) =>
    (from === null || ceilHour(from) <= hour) && (to === null || hour < ceilHour(to));
  const dimension = rules.dimensions.find((each) => each.key === key);
  const readAny: Read = (name) =>
    rules.dimensions.some((each) => each.key === name) ? ruledValue(rules, name, read, start) : read(name);
  if (!dimension || !dimension.effective.some(isValid)) return null;
  for (const rule of dimension.rules) {
    if (!rule.effective.some(isValid) || !meets(rule.when, readAny)) continue;
    const value = given(rule.value, readAny, rules, isValid);
    if (value !== null && value !== '') return value;
  }
  return dimension.otherwise;
}

/** The same for an Attribute's dimension in a row of groups. */
export function caseValue({ cases }: RuledDimension, read: Read, rules: RuleSet | null): string | null {
  for (const { when, during, value } of cases) {
    if (during !== null) {
      const hour = floorHour(Date.parse(String(read('charge_period_start'))));
      if (hour < (during.from ?? -Infinity) || hour >= (during.to ?? Infinity)) continue;
    }
    if (!meets(when, read)) continue;
    const isValid = ({ from, to }: Validity) =>
      value.kind === 'lookup' && (from ?? -Infinity) <= value.at && value.at < (to ?? Infinity);
    const result = given(value, read, rules, isValid);
    if (result !== null && result !== '') return result;
  }
  return null;
}

function given(
  value: RuleValue | CaseValue,
  read: Read,
  rules: RuleSet | null,
  isValid: (validity: Validity) => boolean,
): string | null {
  const text = (key: string) => read(key)?.toString() ?? null;
  switch (value.kind) {
    case 'value':
      return value.value;
    case 'coalesce':
      return value.keys.map(text).find((each) => each !== null && each !== '') ?? null;
    case 'lookup': {
      const lookup = rules?.lookups.find((each) => each.name === value.name);
      const cell = (cells: readonly (string | null)[], column: string) =>
        cells[lookup?.columns.indexOf(column) ?? -1] ?? null;
      const row = lookup?.rows.find(
        ({ cells, effective }) =>
          isValid(effective) &&
          value.on.every((key) => text(key) !== null && cell(cells, key) === text(key)) &&
          cell(cells, value.column) !== null,
      );
      return row ? cell(row.cells, value.column) : null;
    }
    case 'valueOf': {
      const whole = text(value.key);
      if (whole === null) return null;
      const normalized = value.normalize.reduce((some, how) => normalize(some, how), whole);
      return value.replace.reduce((some, { match, by }) => {
        // Texts by place: the library would look into them for groups.
        const written = by.map((part, i) => (typeof part === 'number' ? `$${part}` : `\u{e000}${i}\u{e001}`));
        const replaced = RE2JS.compile(match).matcher(some).replaceAll(written.join(''));
        return replaced.replace(/\u{e000}(\d+)\u{e001}/gu, (_, i) => String(by[Number(i)]));
      }, normalized);
    }
  }
}

function normalize(text: string, how: 'trim' | 'lower' | 'upper'): string {
  if (how === 'trim') return text.replace(/^[\t\n\v\f\r \u00a0]+|[\t\n\v\f\r \u00a0]+$/g, '');
  const upper = (point: string) => (point === 'ß' ? 'ẞ' : point.toUpperCase());
  const one = (point: string) => (how === 'lower' ? point.toLowerCase() : upper(point));
  const simple = (point: string) => ([...one(point)].length === 1 ? one(point) : point === 'İ' ? 'i' : point);
  return [...text].map(simple).join('');
}
