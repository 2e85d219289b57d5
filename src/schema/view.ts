/** An answer of the engine, read as the rows and totals of the schema. */
import type { Metric, MetricDefinition } from '../catalog/metrics.ts';
import { metrics } from '../catalog/metrics.ts';
import type { Rows } from '../connectors/connector.ts';
import { canonicalJson } from '../core/digest.ts';
import { ONE, decimalFromUnits, formatDecimal, ratio } from '../core/decimal.ts';
import { costError } from '../core/errors.ts';
import { formatInstant } from '../core/time-range.ts';
import type { Answer, ParentRow } from '../execute/engine.ts';
import type { FilterInput } from '../planner/cost-query.ts';
import type { ReadMeasure } from '../planner/measures.ts';
import { measure, metricReader, unitReader } from '../planner/measures.ts';
import { IS_PART, REMAINDER, TIME, before } from '../planner/plan.ts';
import type { Predicate } from '../planner/predicate.ts';
import { TRUE } from '../planner/predicate.ts';
import { unitsColumn } from '../planner/units-plan.ts';
import type { LoadDrillDown } from './drill-down.ts';
import type { LineageOf } from './lineage-types.ts';
import type { Cursors } from './pages.ts';
import type { TableSelection, Window } from './selection.ts';

/** One table, or one breakdown inside a row, with its answer. */
export type View = {
  readonly groupBy: readonly string[];
  /** The dimensions that are open in remainder rows. */
  readonly rankedBy: readonly string[];
  readonly isCompared: boolean;
  /** Whether its charges may be in more than one currency: then it has no sum of money. */
  readonly isMixed: boolean;
  readonly selection: TableSelection;
  readonly window: Window;
  readonly cursors: Cursors;
  readonly answer: Answer;
  readonly predicateOf: (where: FilterInput) => Predicate;
  /** The rows that this view is inside of, from the root table inwards. */
  readonly parents: readonly ParentRow[];
  readonly loadDrillDown: LoadDrillDown;
  /** Null inside a row: its rows are not traced. */
  readonly lineageOf: LineageOf | null;
  /** Columns that were read already, by what they hold. */
  readonly columns: Map<string, readonly (bigint | string | null)[]>;
};

/** Where amounts are read: a row of the answer, or its totals. */
type Place = { readonly view: View; readonly row: number | 'totals' };

/** Amounts that no argument qualifies are ready made, null where they were not selected. */
export type AmountsModel = {
  readonly effectiveCost: string | null;
  readonly billedCost: string | null;
  readonly listCost: string | null;
  readonly contractedCost: string | null;
  readonly consumedQuantity: string | null;
  readonly consumedUnit: string | null;
  readonly pricingQuantity: string | null;
  readonly pricingUnit: string | null;
  readonly chargeCount: string;
  readonly place: Place;
};

export type DimensionValueModel = {
  readonly dimension: string;
  readonly value: string | null;
  readonly kind: 'VALUE' | 'MISSING' | 'REMAINDER';
  readonly label: string;
};

export type RowModel = AmountsModel & {
  readonly time: string | null;
  readonly keys: readonly DimensionValueModel[];
  readonly isRemainder: boolean;
};

const MISSING_LABEL = '(none)';
const REMAINDER_LABEL = '(other)';

export function dimensionValue(
  dimension: string,
  value: string | null,
  isRemainder = false,
): DimensionValueModel {
  if (value !== null) return { dimension, value, kind: 'VALUE', label: value };
  if (isRemainder) return { dimension, value, kind: 'REMAINDER', label: REMAINDER_LABEL };
  return { dimension, value, kind: 'MISSING', label: MISSING_LABEL };
}

/** Rows `from` to `to` (exclusive) of the answer. */
export function rowModels(view: View, from: number, to: number): RowModel[] {
  const rows = rowsOf(view);
  const times = timeColumn(view);
  const keys = keyColumns(view, rows);
  const remainder = rows.columns.get(REMAINDER);
  const amount = (metric: Metric) =>
    view.selection.rows?.metrics.includes(metric) ? metricTexts(view, metric) : undefined;
  const effectiveCost = amount('EFFECTIVE_COST');
  const billedCost = amount('BILLED_COST');
  const listCost = amount('LIST_COST');
  const contractedCost = amount('CONTRACTED_COST');
  const consumedQuantity = amount('CONSUMED_QUANTITY');
  const pricingQuantity = amount('PRICING_QUANTITY');
  const chargeCount = amount('CHARGE_COUNT');
  const consumedUnit = consumedQuantity && unitTexts(view, 'consumed_quantity');
  const pricingUnit = pricingQuantity && unitTexts(view, 'pricing_quantity');
  const models: RowModel[] = [];
  for (let i = from; i < to; i++) {
    models.push({
      time: times?.[i] ?? null,
      keys: keys.map((column) => column[i] ?? dimensionValue('', null)),
      isRemainder: remainder?.[i] === 1n,
      effectiveCost: effectiveCost?.[i] ?? null,
      billedCost: billedCost?.[i] ?? null,
      listCost: listCost?.[i] ?? null,
      contractedCost: contractedCost?.[i] ?? null,
      consumedQuantity: consumedQuantity?.[i] ?? null,
      consumedUnit: consumedUnit?.[i] ?? null,
      pricingQuantity: pricingQuantity?.[i] ?? null,
      pricingUnit: pricingUnit?.[i] ?? null,
      chargeCount: chargeCount?.[i] ?? '0',
      place: { view, row: i },
    });
  }
  return models;
}

export function totalsModel(view: View): AmountsModel {
  const place: Place = { view, row: 'totals' };
  const wanted = view.selection.totals?.metrics ?? [];
  const text = (metric: Metric) =>
    wanted.includes(metric) ? formatMetric(metric, valueAt(place, metric)) : null;
  const unit = (metric: Metric, column: string) =>
    wanted.includes(metric) ? unitReader(column)(readTotals(view)) : null;
  return {
    effectiveCost: text('EFFECTIVE_COST'),
    billedCost: text('BILLED_COST'),
    listCost: text('LIST_COST'),
    contractedCost: text('CONTRACTED_COST'),
    consumedQuantity: text('CONSUMED_QUANTITY'),
    consumedUnit: unit('CONSUMED_QUANTITY', 'consumed_quantity'),
    pricingQuantity: text('PRICING_QUANTITY'),
    pricingUnit: unit('PRICING_QUANTITY', 'pricing_quantity'),
    chargeCount: text('CHARGE_COUNT') ?? '0',
    place,
  };
}

export function amountOf(
  { place }: AmountsModel,
  metric: Metric,
  where: FilterInput | null | undefined,
): string | null {
  return formatMetric(metric, valueAt(place, metric, where ?? null));
}

export function sharedCostOf({ place }: AmountsModel, metric: Metric): string | null {
  return formatMetric(metric, valueAt(place, metric, PARTS));
}

/** Null where there are no units, or 0 of them. */
export function unitCostOf({ place }: AmountsModel, stream: string, metric: Metric): string | null {
  const { view, row } = place;
  const cost = valueAt(place, metric);
  const name = unitsColumn(stream);
  const units = row === 'totals' ? readTotals(view)(name) : rowsOf(view).columns.get(name)?.[row];
  if (cost === null || typeof units !== 'bigint') return null;
  const unitCost = ratio(metrics[metric].column === null ? cost * ONE : cost, units);
  return unitCost === null ? null : formatDecimal(unitCost);
}

export function shareOf({ place }: AmountsModel, metric: Metric): string | null {
  const part = valueAt(place, metric);
  const whole = valueAt({ view: place.view, row: 'totals' }, metric);
  if (part === null || whole === null) return null;
  const share = ratio(part, whole);
  return share === null ? null : formatDecimal(share);
}

/** `ratio` is the absolute change ÷ the amount before. */
export type ChangeModel = {
  readonly before: string;
  readonly absolute: string;
  readonly ratio: string | null;
};

export function changeOf({ place }: AmountsModel, metric: Metric): ChangeModel | null {
  if (!place.view.isCompared) return null;
  const current = valueAt(place, metric);
  const earlier = valueAt(place, metric, null, before);
  if (current === null || earlier === null) return null;
  const change = ratio(current - earlier, earlier);
  return {
    before: formatAmount(metric, earlier),
    absolute: formatAmount(metric, current - earlier),
    ratio: change === null ? null : formatDecimal(change),
  };
}

export function distinctOf({ place }: AmountsModel, key: string): { count: string; exact: boolean } {
  const read =
    place.row === 'totals' ? readTotals(place.view) : readRow(rowsOf(place.view), () => Number(place.row));
  const exact = read(measure('count-distinct', key).name);
  const count = exact ?? read(measure('count-distinct-estimate', key).name) ?? 0n;
  return { count: `${count}`, exact: exact !== null };
}

/** @throws BAD_QUERY for a dimension that the table is not grouped by */
export function keyOf(row: RowModel, dimension: string): DimensionValueModel {
  const key = row.keys.find((key) => key.dimension === dimension);
  if (key) return key;
  const reason = `key(dimension: "${dimension}") is not among the groups of the table`;
  throw costError('BAD_QUERY', { reason, hint: 'Name it in groupBy.' });
}

/** The row as the engine wants it to drill into it. */
export function parentRowOf({ keys, isRemainder, place }: RowModel): ParentRow {
  const bucket = place.row === 'totals' ? null : rowsOf(place.view).columns.get(TIME)?.[place.row];
  return {
    values: keys.map(({ value }) => value),
    bucket: typeof bucket === 'bigint' ? Number(bucket) : null,
    isRemainder,
    kept: place.view.answer.kept,
  };
}

export type ColumnModel = {
  readonly name: string;
  readonly kind: 'TIME' | 'DIMENSION' | 'METRIC';
  readonly values: readonly (string | null)[];
};

/** The columns of rows `from` to `to` (exclusive): time if there is one, keys, then metrics by their field names. */
export function columnModels(view: View, from: number, to: number, wanted: readonly Metric[]): ColumnModel[] {
  const rows = rowsOf(view);
  const times = timeColumn(view);
  return [
    ...(times ? [{ name: 'time', kind: 'TIME' as const, values: times.slice(from, to) }] : []),
    ...view.groupBy.map((name) => ({
      name,
      kind: 'DIMENSION' as const,
      // Keys are text or null.
      values: (rows.columns.get(name) ?? []).slice(from, to) as (string | null)[],
    })),
    ...[...new Set(wanted)].map((metric) => ({
      name: metrics[metric].field,
      kind: 'METRIC' as const,
      values: metricTexts(view, metric).slice(from, to),
    })),
  ];
}

function rowsOf({ answer }: View): Rows {
  if (answer.rows) return answer.rows;
  throw new Error('rows were selected and not answered');
}

function readTotals({ answer }: View): ReadMeasure {
  if (answer.totals) return answer.totals;
  throw new Error('totals were selected and not answered');
}

function readRow({ columns }: Rows, row: () => number): ReadMeasure {
  return (name) => columns.get(name)?.[row()] ?? null;
}

/** What came by splits: a condition that no filter can name. */
const PARTS = 'parts';
type Condition = FilterInput | typeof PARTS;

/** A metric at one place, over the charges that meet `where`, of the period that `period` names. */
function valueAt(
  { view, row }: Place,
  metric: Metric,
  where: Condition | null = null,
  period: (name: string) => string = sameName,
): bigint | null {
  if (row !== 'totals') {
    const value = metricColumn(view, metric, where, period)[row] ?? null;
    return typeof value === 'bigint' ? value : null;
  }
  if (metrics[metric].isMoney && hasMixedTotals(view)) return null;
  const read = readTotals(view);
  return metricReader(metric, predicateOf(view, where))((name) => read(period(name)));
}

const sameName = (name: string): string => name;

const count = measure('count', null).name;

/** Nothing is in no currency, and sums to 0. */
function hasMixedTotals(view: View): boolean {
  const read = readTotals(view);
  return view.isMixed && [count, before(count)].some((name) => (read(name) ?? 0n) !== 0n);
}

/** Rows of one currency each are what grouping by it gives, but for the remainder of all others. */
export function isMixedRow({ isMixed, groupBy, rankedBy }: View, isRemainder: boolean): boolean {
  if (!isMixed) return false;
  return !groupBy.includes('billing_currency') || (isRemainder && rankedBy.includes('billing_currency'));
}

function metricColumn(
  view: View,
  metric: Metric,
  where: Condition | null,
  period: (name: string) => string,
): readonly (bigint | string | null)[] {
  const key = `${period(metric)}${where === null ? '' : filterText(where)}`;
  const makeReader = () => metricReader(metric, predicateOf(view, where));
  if (!metrics[metric].isMoney || !view.isMixed) return column(view, key, makeReader, period);
  return column(
    view,
    key,
    () => {
      const read = makeReader();
      const isEmpty = (row: ReadMeasure) => (row(count) ?? 0n) === 0n;
      return (row) => (isMixedRow(view, row(REMAINDER) === 1n) && !isEmpty(row) ? null : read(row));
    },
    period,
  );
}

function metricTexts(view: View, metric: Metric): readonly (string | null)[] {
  const key = `text:${metric}`;
  const values = metricColumn(view, metric, null, sameName);
  const known = view.columns.get(key);
  const format = formatterOf(metric);
  const texts = known ?? values.map((value) => (typeof value === 'bigint' ? format(value) : null));
  view.columns.set(key, texts);
  // Under this key there is nothing but texts.
  return texts as readonly (string | null)[];
}

function unitTexts(view: View, quantity: string): readonly (string | null)[] {
  // unitReader gives text or null.
  return column(view, `unit:${quantity}`, () => unitReader(quantity), sameName) as readonly (string | null)[];
}

/** A value for every row of the answer, worked out once. */
function column(
  view: View,
  key: string,
  reader: () => (read: ReadMeasure) => bigint | string | null,
  period: (name: string) => string,
): readonly (bigint | string | null)[] {
  const known = view.columns.get(key);
  if (known) return known;
  const rows = rowsOf(view);
  let row = 0;
  const byName = new Map<string, readonly (bigint | string | null)[]>();
  const read: ReadMeasure = (name) => {
    let values = byName.get(name);
    if (values === undefined) {
      values = rows.columns.get(name === REMAINDER ? name : period(name)) ?? [];
      byName.set(name, values);
    }
    return values[row] ?? null;
  };
  const readMetric = reader();
  const values: (bigint | string | null)[] = [];
  for (; row < rows.length; row++) values.push(readMetric(read));
  view.columns.set(key, values);
  return values;
}

/** The text of a filter that was parsed once is made once. */
const filterTexts = new WeakMap<FilterInput, string>();

function filterText(where: Condition): string {
  if (where === PARTS) return PARTS;
  const text = filterTexts.get(where) ?? canonicalJson(where);
  filterTexts.set(where, text);
  return text;
}

function predicateOf(view: View, where: Condition | null): Predicate {
  if (where === PARTS) return IS_PART;
  return where === null ? TRUE : view.predicateOf(where);
}

function timeColumn(view: View): readonly (string | null)[] | null {
  const buckets = rowsOf(view).columns.get(TIME);
  if (!buckets || view.answer.timeLabels.length === 0) return null;
  const labels = view.answer.timeLabels.map(formatInstant);
  return buckets.map((bucket) => labels[Number(bucket)] ?? null);
}

/** One object per distinct value, shared by the rows. */
function keyColumns(view: View, rows: Rows): DimensionValueModel[][] {
  const remainder = rows.columns.get(REMAINDER);
  return view.groupBy.map((dimension) => {
    const values = rows.columns.get(dimension) ?? [];
    const isRanked = view.rankedBy.includes(dimension);
    const known = new Map<string, DimensionValueModel>();
    const missing = dimensionValue(dimension, null);
    const other = dimensionValue(dimension, null, true);
    return values.map((value, i) => {
      if (typeof value !== 'string') return isRanked && remainder?.[i] === 1n ? other : missing;
      const shared = known.get(value) ?? dimensionValue(dimension, value);
      known.set(value, shared);
      return shared;
    });
  });
}

export function formatMetric(metric: Metric, value: bigint | null): string | null {
  return value === null ? null : formatAmount(metric, value);
}

export function formatAmount(metric: Metric, value: bigint): string {
  return formatterOf(metric)(value);
}

/** Counts are whole numbers; all else has 12 places. */
function formatterOf(metric: Metric): (value: bigint) => string {
  const { column }: MetricDefinition = metrics[metric];
  return column === null ? (value) => value.toString() : (value) => formatDecimal(decimalFromUnits(value));
}
