import { nearNames } from '../core/near.ts';
import { canMatchNothing } from '../core/re2.ts';
import type { Lookup, Position, Replacement, RuleValue } from './rule-set.ts';
import { isValidityDisjoint } from './resolve-effective.ts';
import type { Scope } from './resolve-condition.ts';
import { checkPattern } from './resolve-condition.ts';
import type { RawReplacement, RawRule } from './rules-grammar.ts';

export type LookupScope = Scope & {
  /** Null for one that could not be read. */
  readonly lookups: ReadonlyMap<string, Lookup | null>;
  /** Lookups and columns that rows have been told apart by. */
  readonly checkedLookups: Set<string>;
};

export function resolveValue(raw: RawRule, scope: LookupScope): RuleValue {
  if (raw.valueOf) {
    const { key, normalize, replace } = raw.valueOf;
    scope.checkKey(key);
    return {
      kind: 'valueOf',
      key: key.value,
      normalize: (normalize ?? []).map(({ value }) => value),
      replace: (replace ?? []).map((each) => resolveReplacement(each, scope)),
    };
  }
  if (raw.coalesce) {
    raw.coalesce.forEach(scope.checkKey);
    return { kind: 'coalesce', keys: raw.coalesce.map(({ value }) => value) };
  }
  if (raw.lookup) {
    const { name, on, column } = raw.lookup;
    on.forEach(scope.checkKey);
    const value = {
      kind: 'lookup',
      name: name.value,
      on: on.map(({ value }) => value),
      column: column.value,
    } as const;
    checkLookup(value, { name, on: on[0] ?? name, column }, scope);
    return value;
  }
  return { kind: 'value', value: raw.value?.value ?? '' };
}

const GROUP_MAX = 9;

function resolveReplacement({ match, with: by }: RawReplacement, scope: Scope): Replacement {
  const program = checkPattern(match, false, scope);
  if (program && canMatchNothing(program)) {
    const message = `"${match.value}" also matches where there is nothing`;
    scope.report(match, message, 'Replace at least one character: + instead of *.');
  }
  const parts: (string | number)[] = [];
  for (const [part, dollar] of by.value.matchAll(/\$(\d|\$)?|[^$]+/g)) {
    if (part === '$') {
      scope.report(by, `A $ in "${by.value}" names no group`, 'Write $$ for a dollar, $1 to $9 for groups.');
    } else if (dollar === undefined || dollar === '$') {
      parts.push(dollar ?? part);
    } else {
      const group = Number(dollar);
      parts.push(group);
      const groups = program?.groupCount() ?? GROUP_MAX;
      if (group > groups) {
        scope.report(by, `"${match.value}" has ${groups} groups, $${group} is none`, 'Put groups in ( ).');
      }
    }
  }
  return { match: match.value, by: parts };
}

type LookupValue = Extract<RuleValue, { readonly kind: 'lookup' }>;

function checkLookup(
  { name, on, column }: LookupValue,
  at: Readonly<Record<'name' | 'on' | 'column', Position>>,
  scope: LookupScope,
): void {
  const lookup = scope.lookups.get(name);
  if (lookup === undefined) {
    scope.report(at.name, `There is no lookup "${name}"`, hintOf(name, [...scope.lookups.keys()]));
  }
  if (!lookup) return;
  const hasColumn = (wanted: string, place: Position): boolean => {
    if (lookup.columns.includes(wanted)) return true;
    scope.report(place, `${lookup.file} has no column "${wanted}"`, hintOf(wanted, lookup.columns));
    return false;
  };
  const hasAll = [...on.map((key) => hasColumn(key, at.on)), hasColumn(column, at.column)].every(Boolean);
  const known = JSON.stringify([name, on]);
  if (!hasAll || scope.checkedLookups.has(known)) return;
  scope.checkedLookups.add(known);
  checkRows(lookup, on, scope);
}

/** Rows that are found by the same values must hold at different times. */
function checkRows({ file, columns, rows }: Lookup, on: readonly string[], { report }: Scope): void {
  const places = on.map((key) => columns.indexOf(key));
  const rowsByValues = new Map<string, Lookup['rows'][number][]>();
  const refuse = (line: number, message: string, hint: string) =>
    report({ line, column: 1 }, message, hint, file);
  for (const row of rows) {
    const values = places.map((place) => row.cells[place] ?? null);
    if (values.includes(null)) {
      refuse(
        row.line,
        `The row has no ${on.join(', ')}`,
        'Rows are found by it: write one, or leave the row out.',
      );
      continue;
    }
    const key = JSON.stringify(values);
    const known = rowsByValues.get(key);
    if (known === undefined) rowsByValues.set(key, [row]);
    else known.push(row);
  }
  for (const [values, same] of rowsByValues) {
    const sorted = [...same].sort(
      (a, b) => (a.effective.from ?? -Infinity) - (b.effective.from ?? -Infinity),
    );
    for (const [i, row] of sorted.entries()) {
      const before = sorted[i - 1];
      if (before === undefined || isValidityDisjoint(before.effective, row.effective)) continue;
      const [first, second] = before.line < row.line ? [before, row] : [row, before];
      const message = `${on.join(', ')} ${values} is on line ${first.line} too, for the same time`;
      refuse(second.line, message, 'Leave one out, or part them by valid_from and valid_to.');
    }
  }
}

function hintOf(wrong: string, known: readonly string[]): string {
  const near = nearNames(wrong, known);
  if (near.length > 0) return `Did you mean ${near.join(' or ')}?`;
  return known.length > 0 ? `There are ${known.join(', ')}.` : 'Declare it under lookups.';
}
