import { labelOf } from '../catalog/dimensions.ts';
import { isName } from '../core/ids.ts';
import { unreachable } from '../core/unreachable.ts';
import { sortDimensions } from './dependencies.ts';
import { checkDimensionKey, checkKey } from './known-keys.ts';
import type { LookupFile } from './read-lookup.ts';
import { LOOKUP_ROWS_MAX, readLookup } from './read-lookup.ts';
import type { Report } from './read-tree.ts';
import { resolveCondition } from './resolve-condition.ts';
import { resolveEffective } from './resolve-effective.ts';
import type { LookupScope } from './resolve-value.ts';
import { resolveValue } from './resolve-value.ts';
import type { Driver, Lookup, NoDriver, Position, Rule, RuleDimension, RuleSet, Split } from './rule-set.ts';
import { ALWAYS } from './rule-set.ts';
import type { RawDimension, RawDriver, RawRules, RawSplit } from './rules-grammar.ts';
import { RULES_MAX } from './rules-grammar.ts';
import type { Placed } from './shape.ts';

/** What the text declares (known-keys.ts), and the files that it names. */
export type Surroundings = {
  readonly dimensions: ReadonlySet<string>;
  readonly lookups: ReadonlySet<string>;
  readonly lookupFile: LookupFile;
};

/** Checks what shapes cannot: names, keys, times, expressions, circles. Sound only where nothing is reported. */
export function resolveRules(
  raw: RawRules,
  { dimensions: own, lookups, lookupFile }: Surroundings,
  report: Report,
): RuleSet {
  const read = (raw.lookups ?? []).map((lookup) => readLookup(lookup, lookupFile, report));
  checkNames(
    (raw.lookups ?? []).map(({ name }) => name),
    'lookup',
    report,
  );
  checkLookupRows(raw, read, report);
  const scope: LookupScope = {
    report,
    checkKey: (key) => checkKey(key, own, report),
    patterns: new Set(),
    lookups: new Map([
      ...[...lookups].map((name) => [name, null] as const),
      ...read.flatMap((lookup) => (lookup ? [[lookup.name, lookup] as const] : [])),
    ]),
    checkedLookups: new Set(),
  };
  const declared = resolveDimensions(raw.dimensions ?? [], scope);
  const splits = resolveSplits(raw.splits ?? [], scope);
  checkCircles(declared, report);
  return {
    version: 1,
    dimensions: [...declared, ...undeclaredTargets(raw.splits ?? [], declared, report)],
    lookups: read.filter((lookup) => lookup !== null),
    splits,
  };
}

function checkLookupRows(raw: RawRules, lookups: readonly (Lookup | null)[], report: Report): void {
  const rows = lookups.reduce((sum, lookup) => sum + (lookup?.rows.length ?? 0), 0);
  const [first] = raw.lookups ?? [];
  if (first === undefined || rows <= LOOKUP_ROWS_MAX) return;
  report(first.at, `The lookups have ${rows} rows, the limit is ${LOOKUP_ROWS_MAX}`, 'Leave rows out.');
}

function checkNames(names: readonly Placed<string>[], what: string, report: Report): void {
  const lines = new Map<string, number>();
  for (const { value, ...at } of names) {
    const line = lines.get(value);
    if (line === undefined) lines.set(value, at.line);
    else report(at, `There is a ${what} "${value}" on line ${line} already`, 'Give each a name of its own.');
  }
}

function resolveDimensions(raw: readonly RawDimension[], scope: LookupScope): RuleDimension[] {
  checkNames(
    raw.map(({ key }) => key),
    'dimension',
    scope.report,
  );
  let rules = 0;
  return raw.map((dimension) => {
    checkDimensionKey(dimension.key, scope.report);
    rules += dimension.rules?.length ?? 0;
    if (rules > RULES_MAX && rules - (dimension.rules?.length ?? 0) <= RULES_MAX) {
      scope.report(
        dimension.at,
        `There are ${rules} rules up to here, the limit is ${RULES_MAX}`,
        'Use lookups.',
      );
    }
    return resolveDimension(dimension, scope);
  });
}

function resolveDimension(raw: RawDimension, scope: LookupScope): RuleDimension {
  const { key, label, description, at } = raw;
  const named = (raw.rules ?? []).map((rule, i) => ({
    rule,
    name: rule.name ?? { value: `${key.value}#${i + 1}`, ...rule.at },
  }));
  checkNames(
    named.map(({ name }) => name),
    `rule of ${key.value}`,
    scope.report,
  );
  const rules = named.map(({ rule, name }): Rule => ({
    name: name.value,
    when: resolveCondition(rule.when, scope),
    value: resolveValue(rule, scope),
    effective: resolveEffective(rule.effective, scope.report),
    ...rule.at,
  }));
  return {
    key: key.value,
    label: label?.value ?? labelOf(key.value),
    description: description?.value ?? null,
    effective: resolveEffective(raw.effective, scope.report),
    rules,
    otherwise: raw.otherwise?.value ?? null,
    ...at,
  };
}

function checkCircles(dimensions: readonly RuleDimension[], report: Report): void {
  const sorted = sortDimensions(dimensions);
  if ('order' in sorted) return;
  const at = dimensions.find(({ key }) => key === sorted.cycle[0]);
  if (at) {
    const message = `Dimensions use each other in a circle: ${sorted.cycle.join(' → ')}`;
    report(at, message, 'Let one of them look at columns and tags alone.');
  }
}

function resolveSplits(raw: readonly RawSplit[], scope: LookupScope): Split[] {
  const names = raw.map(({ name, at }, i) => name ?? { value: `split#${i + 1}`, ...at });
  checkNames(names, 'split', scope.report);
  return raw.map((split, i) => {
    const { to, at } = split;
    const within = split.by.kind === 'telemetry' ? (split.by.within ?? []) : [];
    checkNames([...to, ...within], 'key of this split', scope.report);
    const by = resolveDriver(split.by, to, scope);
    return {
      name: names[i]?.value ?? '',
      when: resolveCondition(split.when, scope),
      to: to.map(({ value }) => value),
      by,
      noDriver: resolveNoDriver(split.noDriver ?? [], scope.report),
      override: split.override?.value ?? false,
      effective: resolveEffective(split.effective, scope.report),
      ...at,
    };
  });
}

function resolveDriver(raw: RawDriver, to: readonly Placed<string>[], scope: LookupScope): Driver {
  const second = to[1];
  if (raw.kind !== 'telemetry' && second !== undefined) {
    const message = `Only telemetry shares out to several dimensions, ${raw.kind} to one`;
    scope.report(second, message, 'Write a split for each, or share by telemetry.');
  }
  switch (raw.kind) {
    case 'telemetry': {
      const { telemetry, grain, within } = raw;
      if (!isName(telemetry.value)) {
        const hint = 'Lower-case letters, digits, "-" and "_", at most 63, the first a letter or digit.';
        scope.report(telemetry, `"${telemetry.value}" is no name of a stream`, hint);
      }
      (within ?? []).forEach(scope.checkKey);
      return {
        kind: 'telemetry',
        stream: telemetry.value,
        grain: grain.value,
        within: (within ?? []).map(({ value }) => value),
      };
    }
    case 'even':
      checkNames(raw.even, 'value', scope.report);
      return { kind: 'even', values: raw.even.map(({ value }) => value) };
    case 'fixed': {
      const weights = raw.fixed.map(({ name, value }) => ({ value: name, weight: value.value }));
      if (weights.length > 0 && weights.every(({ weight }) => !/[1-9]/.test(weight))) {
        scope.report(raw.at, 'The weights add up to 0', 'Give one of them more.');
      }
      return { kind: 'fixed', weights };
    }
    case 'cost':
      scope.checkKey(raw.cost.of);
      return { kind: 'cost', of: raw.cost.of.value, grain: raw.cost.grain.value };
    default:
      return unreachable(raw);
  }
}

/** With `unattributed` at the end where the file leaves it out: what is left is never lost. */
function resolveNoDriver(raw: readonly Placed<NoDriver>[], report: Report): NoDriver[] {
  const last = raw.findIndex(({ value }) => value.kind === 'value' || value.kind === 'unattributed');
  const never = last >= 0 ? raw[last + 1] : undefined;
  if (never)
    report(never, 'This step is never tried: the one before takes all', 'Leave it out, or put it first.');
  const steps = raw.map(({ value }) => value);
  return last >= 0 ? steps : [...steps, { kind: 'unattributed' }];
}

/** Dimensions that only splits give values to. */
function undeclaredTargets(
  raw: readonly RawSplit[],
  declared: readonly RuleDimension[],
  report: Report,
): RuleDimension[] {
  const known = new Set(declared.map(({ key }) => key));
  return raw
    .flatMap(({ to }) => to)
    .flatMap((key) => {
      if (known.has(key.value)) return [];
      known.add(key.value);
      return checkDimensionKey(key, report) ? [bareDimension(key)] : [];
    });
}

function bareDimension({ value: key, line, column }: Placed<string> & Position): RuleDimension {
  return {
    key,
    label: labelOf(key),
    description: null,
    effective: ALWAYS,
    rules: [],
    otherwise: null,
    line,
    column,
  };
}
