import { RE2JS } from 're2js';
import { toLowerSimple, toUpperSimple } from '../core/fold-case.ts';
import type { Instant } from '../core/time-range.ts';
import { unreachable } from '../core/unreachable.ts';
import type { SlotOf, Slots } from './compile-condition.ts';
import type { Lookup, LookupRow, Normalization, Replacement, RuleValue } from './rule-set.ts';
import { WHITE_SPACE, isValid } from './rule-set.ts';

/** Null where the value is missing or empty. */
export type ValueOf = (slots: Slots, instant: Instant) => string | null;
/** Rows by the values that they are found by: see valuesKey. */
export type RowIndex = ReadonlyMap<string, readonly LookupRow[]>;

export function compileValue(
  value: RuleValue,
  slotOf: SlotOf,
  lookups: ReadonlyMap<string, Lookup>,
  indexOf: (lookup: Lookup, on: readonly string[]) => RowIndex,
): ValueOf {
  switch (value.kind) {
    case 'value':
      return () => value.value;
    case 'valueOf': {
      const slot = slotOf(value.key);
      const steps = [...value.normalize.map((name) => normalize[name]), ...value.replace.map(compileReplace)];
      return (slots) => {
        const given = slots[slot] ?? null;
        return given === null ? null : presentOrNull(steps.reduce((text, step) => step(text), given));
      };
    }
    case 'coalesce': {
      const places = value.keys.map(slotOf);
      return (slots) => {
        for (const place of places) if (slots[place]) return slots[place];
        return null;
      };
    }
    case 'lookup': {
      const lookup = lookups.get(value.name);
      if (lookup === undefined) throw new Error(`no lookup ${value.name}: parsing refuses that`);
      return compileLookup(lookup, value.column, value.on.map(slotOf), indexOf(lookup, value.on));
    }
    default:
      return unreachable(value);
  }
}

function presentOrNull(text: string | null): string | null {
  return text === '' ? null : text;
}

const normalize: Readonly<Record<Normalization, (text: string) => string>> = {
  trim,
  lower: toLowerSimple,
  upper: toUpperSimple,
};

function trim(text: string): string {
  let [from, to] = [0, text.length];
  while (from < to && WHITE_SPACE.includes(text.charAt(from))) from += 1;
  while (from < to && WHITE_SPACE.includes(text.charAt(to - 1))) to -= 1;
  return text.slice(from, to);
}

function compileReplace({ match, by }: Replacement): (text: string) => string {
  const program = RE2JS.compile(match);
  return (text) => {
    const matcher = program.matcher(text);
    let replaced = '';
    let end = 0;
    while (matcher.find()) {
      replaced += text.slice(end, matcher.start());
      for (const part of by) replaced += typeof part === 'string' ? part : (matcher.group(part) ?? '');
      end = matcher.end();
    }
    return end === 0 ? text : replaced + text.slice(end);
  };
}

function compileLookup(lookup: Lookup, column: string, places: readonly number[], index: RowIndex): ValueOf {
  const at = lookup.columns.indexOf(column);
  return (slots, instant) => {
    const key = valuesKey(places.map((place) => slots[place] ?? null));
    const row =
      key === null ? undefined : index.get(key)?.find(({ effective }) => isValid(effective, instant));
    return row?.cells[at] ?? null;
  };
}

export function indexRows({ columns, rows }: Lookup, on: readonly string[]): RowIndex {
  const places = on.map((key) => columns.indexOf(key));
  const index = new Map<string, LookupRow[]>();
  for (const row of rows) {
    const key = valuesKey(places.map((place) => row.cells[place] ?? null));
    if (key === null) continue;
    const same = index.get(key);
    if (same === undefined) index.set(key, [row]);
    else same.push(row);
  }
  return index;
}

/** Different for different values; null where one is missing: no row is found by that. */
function valuesKey(values: readonly (string | null)[]): string | null {
  const [only] = values;
  if (values.length === 1) return only ?? null;
  return values.includes(null) ? null : JSON.stringify(values);
}
