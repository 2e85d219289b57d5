import type { Metric } from '../catalog/metrics.ts';
import type { Decimal } from '../core/decimal.ts';
import { decimalFromUnits } from '../core/decimal.ts';
import { costError } from '../core/errors.ts';
import type { TenantId } from '../core/ids.ts';
import type { TimeRange } from '../core/time-range.ts';
import { formatInstant } from '../core/time-range.ts';
import type { Answer, CloseSummary, CostEngine, RunOptions } from '../execute/engine.ts';
import { readRow } from '../execute/page-rows.ts';
import { ROWS_FETCHED_MAX } from '../execute/run-question.ts';
import { resolvePeriod } from '../planner/bind/resolve-period.ts';
import type { CostQuery } from '../planner/cost-query.ts';
import type { ReadMeasure } from '../planner/measures.ts';
import { measure } from '../planner/measures.ts';
import { IS_PART } from '../planner/plan.ts';

/** Who has what share of the costs of a closed period. All of it follows from the close. */
export type Statement = {
  readonly tenant: TenantId;
  readonly dimension: string;
  /** What the cost of a value is broken down by; none where that is the dimension itself. */
  readonly by: readonly string[];
  readonly period: TimeRange;
  readonly close: CloseSummary;
  /** Of data, rules and driver data: a question about the period at this version has the same costs. */
  readonly version: string;
  /** Per value its services in code point order, then its subtotal; the missing value last; then totals. */
  readonly lines: readonly StatementLine[];
};

/** One currency each. `values`: of the dimension and what it is broken down by, null where missing or summed up. */
export type StatementLine = {
  readonly kind: 'line' | 'subtotal' | 'total';
  readonly values: readonly (string | null)[];
  readonly currency: string;
} & Amounts;

/** `sharedCost` is the part of the effective cost that came by splits. */
type Amounts = {
  readonly effectiveCost: Decimal;
  readonly sharedCost: Decimal;
  readonly billedCost: Decimal;
};

export type StatementRequest = {
  readonly tenant: TenantId;
  readonly dimension: string;
  /** `2018-10`, in UTC. */
  readonly month: string;
  /** Null: the newest that covers the month. */
  readonly close: string | null;
};

const SERVICE = 'service_name';
const CURRENCY = 'billing_currency';
const conserved: readonly Metric[] = ['EFFECTIVE_COST', 'BILLED_COST'];

/** @throws NOT_CLOSED, UNKNOWN_CLOSE, BAD_PERIOD, UNKNOWN_DIMENSION, and what questions throw */
export async function makeStatement(
  engine: CostEngine,
  request: StatementRequest,
  options: RunOptions,
): Promise<Statement> {
  const { tenant, dimension, month } = request;
  const period = resolvePeriod({ month }, 'UTC', 0).range;
  const close = coveringClose(await engine.closes.list(tenant), request, period);
  const by = [SERVICE].filter((key) => key !== dimension);
  const keys = [dimension, ...by];
  const query = statementQuery(request, close, keys);
  const wanted = {
    rows: { ...amounts, offset: 0, limit: ROWS_FETCHED_MAX },
    totals: null,
    conservation: conserved,
  };
  // The clock has no say in a month that is named and closed.
  const bound = await engine.bind(tenant, query, wanted, 0);
  const answer = await engine.answer(bound, options);
  if (![...answer.conservation.values()].every(({ holds }) => holds)) {
    throw new Error(`the charges of ${month} do not add up to their control totals: "verify" tells more`);
  }
  const lines = withSubtotals(readLines(answer, keys), keys);
  return { tenant, dimension, by, period, close, version: bound.version, lines };
}

const amounts = {
  metrics: ['EFFECTIVE_COST', 'BILLED_COST'],
  shared: ['EFFECTIVE_COST'],
  amounts: [],
  distinct: [],
} as const;

function coveringClose(
  closes: readonly CloseSummary[],
  { close: name, month }: StatementRequest,
  period: TimeRange,
): CloseSummary {
  const covers = ({ from, to }: TimeRange) => from <= period.from && period.to <= to;
  if (name === null) {
    const newest = closes.find(covers);
    if (newest) return newest;
    throw costError('NOT_CLOSED', { period: month, near: closes.map((close) => close.name) });
  }
  const named = closes.find((close) => close.name === name);
  if (named === undefined) throw costError('UNKNOWN_CLOSE', { name, near: [] });
  if (covers(named)) return named;
  const span = `${formatInstant(named.from)} to ${formatInstant(named.to)}`;
  const reason = `The close "${name}" is of ${span}, which does not cover ${month}`;
  throw costError('BAD_PERIOD', { reason, hint: 'Name another close, or leave it out.' });
}

function statementQuery(
  { month }: StatementRequest,
  close: CloseSummary,
  keys: readonly string[],
): CostQuery {
  return {
    period: { month },
    granularity: 'TOTAL',
    groupBy: [...new Set([...keys, CURRENCY])],
    filter: null,
    having: [],
    orderBy: [],
    top: null,
    currency: null,
    timing: 'START',
    timeAxis: 'CHARGE_PERIOD',
    splits: 'APPLIED',
    compare: null,
    knowledge: { close: close.name },
    timeZone: 'UTC',
  };
}

function readLines({ rows }: Answer, keys: readonly string[]): StatementLine[] {
  if (rows === null) throw new Error('rows were wanted');
  return Array.from({ length: rows.length }, (_, i) => {
    const read = readRow(rows, i);
    return {
      kind: 'line',
      values: keys.map((key) => textOf(read, key)),
      currency: textOf(read, CURRENCY) ?? '',
      effectiveCost: sumOf(read, measure('sum', 'effective_cost').name),
      sharedCost: sumOf(read, measure('sum', 'effective_cost', IS_PART).name),
      billedCost: sumOf(read, measure('sum', 'billed_cost').name),
    };
  });
}

function textOf(read: ReadMeasure, name: string): string | null {
  const value = read(name);
  return typeof value === 'string' ? value : null;
}

function sumOf(read: ReadMeasure, name: string): Decimal {
  const value = read(name);
  return decimalFromUnits(typeof value === 'bigint' ? value : 0n);
}

/** Lines come in the order of their values: those of one value of the dimension stand together. */
function withSubtotals(lines: readonly StatementLine[], keys: readonly string[]): StatementLine[] {
  const [, ...by] = keys;
  const none = by.map(() => null);
  const ofValue = Map.groupBy(lines, ({ values }) => values[0] ?? null);
  const grouped = [...ofValue].flatMap(([value, own]) => [
    ...own,
    ...(by.length > 0 ? sumPerCurrency('subtotal', [value, ...none], own) : []),
  ]);
  return [...grouped, ...sumPerCurrency('total', [null, ...none], lines)];
}

function sumPerCurrency(
  kind: StatementLine['kind'],
  values: StatementLine['values'],
  lines: readonly StatementLine[],
): StatementLine[] {
  const byCurrency = [...Map.groupBy(lines, ({ currency }) => currency)].sort(([a], [b]) => (a < b ? -1 : 1));
  return byCurrency.map(([currency, own]) => {
    const sum = (amount: keyof Amounts) =>
      decimalFromUnits(own.reduce((total, line) => total + line[amount], 0n));
    return {
      kind,
      values,
      currency,
      effectiveCost: sum('effectiveCost'),
      sharedCost: sum('sharedCost'),
      billedCost: sum('billedCost'),
    };
  });
}
