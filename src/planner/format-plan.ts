import { formatDecimal } from '../core/decimal.ts';
import { unreachable } from '../core/unreachable.ts';
import type { Measure } from './measures.ts';
import type { Ask, ColumnName, FileSelection, Plan, SortKey } from './plan.ts';
import { TIME, formatRange } from './plan.ts';
import { children, outputColumns } from './plan-tree.ts';
import { formatPredicate, inlineColumnOf, members } from './predicate.ts';

const INDENT = '  ';
const COLUMNS_SHOWN = 12;

/**
 * The plan as an indented tree, one node a line; no ids, no timings, so that it can be compared.
 *
 * @param shown Asks that stand further up in the text, if there are any: they are not written out again
 */
export function formatPlan(plan: Plan, depth = 0, shown = new Set<Ask>()): string {
  const isRepeated = plan.kind === 'Ask' && shown.has(plan);
  if (plan.kind === 'Ask') shown.add(plan);
  const detail = isRepeated ? `${detailOf(plan)}, as above` : detailOf(plan);
  const line = `${INDENT.repeat(depth)}${operatorOf(plan)} ${detail}`.trimEnd();
  const below = isRepeated ? [] : children(plan);
  return [line, ...below.map((child) => formatPlan(child, depth + 1, shown))].join('\n');
}

export function operatorOf(plan: Plan): string {
  return plan.kind === 'Aggregate' || plan.kind === 'GroupingSets' ? `${plan.kind} ${plan.step}` : plan.kind;
}

export function detailOf(plan: Plan): string {
  switch (plan.kind) {
    case 'Scan': {
      const how = plan.within === 'overlap' ? 'touching' : plan.axis;
      const of = plan.batches === null ? '' : ` of ${plan.batches.length} batches`;
      const what = plan.rollup === null ? 'charges' : `rollup ${plan.rollup.name}`;
      return `${what} ${how} ${formatRange(plan.range)}${of}${filesOf(plan.files)} ${list(plan.columns)}`;
    }
    case 'Empty':
      return list(plan.columns);
    case 'Lookup':
      return `${plan.dictionary} ${list(plan.columns)}${orInline(plan.columns, plan.input)}`;
    case 'Attribute':
      return list(plan.dimensions.map(({ key }) => key));
    case 'Allocate':
      return `"${plan.split}" to ${list(plan.to)} of ${formatPredicate(plan.members)}`;
    case 'Rebucket':
      return plan.buckets ? `${plan.buckets.granularity} in ${plan.buckets.timeZone}` : 'whole period';
    case 'Telemetry':
      return `${plan.stream} by ${plan.grain} ${formatRange(plan.range)}${filesOf(plan.selection.files)} ${list(plan.keys)}`;
    case 'Filter': {
      const keys = members(plan.predicate).map(({ test }) => test.key);
      return `${formatPredicate(plan.predicate)}${orInline(keys, plan.input)}`;
    }
    case 'Bucket': {
      const cut = plan.buckets ? `${plan.buckets.granularity} in ${plan.buckets.timeZone}` : 'whole period';
      return `${cut}${plan.timing === 'PRORATED' ? ' prorated' : ''}`;
    }
    case 'Aggregate':
      return `by ${list(plan.groupBy)}: ${measureList(plan.measures)}`;
    case 'GroupingSets':
      return `${plan.sets.map(list).join(', ')}: ${measureList(plan.measures)}`;
    case 'OneSet':
      return `by ${list(plan.columns.filter((name) => isKey(plan.input, name)))} of a shared scan`;
    case 'Union':
      return '';
    case 'Compare':
      return `by ${list(plan.keys)}`;
    case 'Having':
      return plan.tests.map((test) => `${test.metric} ${test.op} ${formatDecimal(test.value)}`).join(' and ');
    case 'Top':
      return `${plan.count} of ${list(plan.by)} by ${plan.metric}${plan.remainder ? ', rest as remainder' : ''}`;
    case 'Page':
      return `${plan.limit} from ${plan.offset} by ${plan.sort.map(sortText).join(', ') || 'nothing'}`;
    case 'Ask':
      return plan.store.toLowerCase();
    case 'Kept':
      return `${plan.rows} rows`;
    case 'Keep':
      return plan.by.length === 0 ? '' : `each of ${plan.units.length} months`;
    default:
      return unreachable(plan);
  }
}

function isKey({ fragment }: Ask, column: ColumnName): boolean {
  return fragment.kind === 'GroupingSets' && fragment.sets.some((set) => set.includes(column));
}

/** Said where some charges carry the values of dictionaries' dimensions themselves. */
function orInline(keys: readonly string[], input: Plan): string {
  const read = outputColumns(input);
  return keys.some((key) => read.includes(inlineColumnOf(key))) ? ', or inline' : '';
}

function sortText(key: SortKey): string {
  const name = key.by === 'key' ? (key.column === TIME ? 'time' : key.column) : `${key.by} of ${key.metric}`;
  return key.direction === 'DESC' ? `${name} desc` : name;
}

function filesOf(files: FileSelection | null): string {
  if (files === null) return '';
  const { proven, pruning } = files;
  const facts = [proven.tenant ? 'tenant' : '', proven.time ? 'time' : ''].filter((fact) => fact !== '');
  const proof = facts.length === 0 ? '' : `, ${facts.join(' and ')} proven`;
  return ` ${pruning.filesRead}/${pruning.filesTotal} files${proof}`;
}

function list(columns: readonly string[]): string {
  const shown = columns.length > COLUMNS_SHOWN ? [`${columns.length} columns`] : columns;
  return `(${shown.join(', ')})`;
}

function measureList(measures: readonly Measure[]): string {
  return measures.map((measure) => measure.name).join(', ');
}
