import type { Metric } from '../../src/catalog/metrics.ts';
import { metrics } from '../../src/catalog/metrics.ts';
import type { Decimal } from '../../src/core/decimal.ts';
import { formatDecimal } from '../../src/core/decimal.ts';
import type { Instant, TimeRange } from '../../src/core/time-range.ts';
import type { Measure } from '../../src/planner/measures.ts';
import { measuresOf } from '../../src/planner/measures.ts';
import type { SortKey } from '../../src/planner/plan.ts';
import type { Predicate, Test } from '../../src/planner/predicate.ts';
import type { Question } from '../../src/planner/question.ts';
import type { TimeBuckets } from '../../src/planner/time-buckets.ts';
import { timeText } from './charge.ts';
import { literal } from './flat-table.ts';

/** A statement over the table `flat` (flat-table.ts) and the names of its columns, by position. */
export type Statement = { readonly sql: string; readonly columns: readonly string[] };

/**
 * The third opinion: a question as plain DuckDB SQL over one flat table, as a person would write it who knows
 * nothing of plans. Groups are found first, having and top choose among them, then charges are grouped again.
 */
export type OneEngineSql = {
  /** All rows in order, not cut to the page. */
  readonly rows: Statement | null;
  readonly totals: Statement | null;
  readonly excluded: Statement | null;
};

export function oneEngineSql(question: Question): OneEngineSql {
  const { rows, totals, excluded } = question.wanted;
  const table = rows && tableSql(question, rows.measures);
  return {
    rows: table && { ...table, sql: `${table.sql}\nORDER BY ${orderSql(question)}` },
    totals: totals && totalsSql(question, totals.measures, condition(question.filter)),
    excluded:
      excluded &&
      totalsSql({ ...question, compare: null }, excluded.measures, `NOT (${condition(question.filter)})`),
  };
}

const NOW = 'side = 0';
const BEFORE = 'side = 1';

function totalsSql(question: Question, measures: readonly Measure[], where: string): Statement {
  const whole = { ...question, buckets: null, compareBuckets: null, groupBy: [] };
  const selected = selectMeasures(question, measures);
  return {
    sql: `WITH ${bothPeriods(whole, where)}\nSELECT ${selected.map(({ sql }) => sql).join(', ')} FROM both_periods`,
    columns: selected.map(({ name }) => name),
  };
}

function tableSql(question: Question, measures: readonly Measure[]): Statement {
  const keys = keysOf(question);
  const { top } = question;
  const names = keys.map((_, i) => `k${i}`);
  const by = top?.by.map((key) => `k${keys.indexOf(key)}`) ?? [];
  const group = names.length > 0 ? `GROUP BY ${names.join(', ')}` : '';
  const same = (a: string, b: string, columns: readonly string[]) =>
    columns.map((column) => `${a}.${column} IS NOT DISTINCT FROM ${b}.${column}`).join(' AND ') || 'true';
  const having = question.having.map(
    ({ metric, op, value }) =>
      `coalesce(${metricSql(metric, NOW)} ${comparison[op]} ${threshold(question, metric, value)}, false)`,
  );
  const rank = [
    ...(top ? [`${metricSql(top.metric, NOW)} DESC NULLS LAST`] : []),
    ...by.map((name) => `${name} NULLS LAST`),
  ].join(', ');
  const isRest = top ? `place > ${top.count}` : 'false';
  const label = names.map((name) =>
    by.includes(name) ? `CASE WHEN NOT (${isRest}) THEN b.${name} END AS ${name}` : `b.${name} AS ${name}`,
  );
  const selected = selectMeasures(question, measures);
  const sortMetrics = question.sort.map((key, i) => `${sortSql(key)} AS s${i}`);
  const columns = [...names, 'is_rest', ...selected.map((_, i) => `m${i}`)];
  return {
    sql: `WITH ${bothPeriods(question, condition(question.filter))},
      surviving AS (SELECT ${[...names, 'count(*) AS n'].join(', ')} FROM both_periods ${group}
        ${having.length > 0 ? `HAVING ${having.join(' AND ')}` : ''}),
      remaining AS (SELECT b.* FROM both_periods b JOIN surviving s ON ${same('b', 's', names)}),
      ranking AS (SELECT ${[...by, `row_number() OVER (ORDER BY ${rank || '1'}) AS place`].join(', ')}
        FROM remaining ${by.length > 0 ? `GROUP BY ${by.join(', ')}` : 'LIMIT 1'}),
      labelled AS (SELECT b.* EXCLUDE (${['side', ...names].join(', ')}), side, ${[...label, ''].join(', ')}
          ${isRest} AS is_rest
        FROM remaining b LEFT JOIN ranking r ON ${same('b', 'r', by)}
        ${top && !top.remainder ? `WHERE NOT (${isRest})` : ''}),
      answer AS (SELECT ${[...names, names.length > 0 ? 'is_rest' : 'false AS is_rest'].join(', ')},
          ${[...selected.map(({ sql }, i) => `${sql} AS m${i}`), ...sortMetrics].join(', ')}
        FROM labelled ${names.length > 0 ? `${group}, is_rest` : ''})
      SELECT ${columns.join(', ')} FROM answer WHERE EXISTS (SELECT 1 FROM surviving)`,
    columns: [...keys, '$remainder', ...selected.map(({ name }) => name)],
  };
}

const comparison = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;

/** Under PRORATED amounts are whole units of 10^-12, else decimals. */
function threshold({ timing }: Question, metric: Metric, value: Decimal): string {
  return timing === 'PRORATED' && metric !== 'CHARGE_COUNT'
    ? `${value}::HUGEINT`
    : `${formatDecimal(value)}::DECIMAL(38, 12)`;
}

function keysOf(question: Question): string[] {
  return [...(question.buckets ? ['$time'] : []), ...question.groupBy];
}

/** Nulls are last in either direction, those of the remainder after the others. */
function orderSql(question: Question): string {
  const keys = keysOf(question);
  return (
    question.sort
      .flatMap((key, i) => {
        if (key.by !== 'key') return [`s${i} ${key.direction} NULLS LAST`];
        const name = `k${keys.indexOf(key.column)}`;
        return [`${name} IS NULL`, `${name} IS NULL AND is_rest`, `${name} ${key.direction}`];
      })
      .join(', ') || '1'
  );
}

function sortSql(key: SortKey): string {
  if (key.by === 'key') return 'NULL';
  const now = metricSql(key.metric, NOW);
  return key.by === 'metric' ? now : `(${now}) - (${metricSql(key.metric, BEFORE)})`;
}

/** `both_periods`: the charges of the period (side 0) and of the compared one (side 1), with keys k0, k1… */
function bothPeriods(question: Question, where: string): string {
  const sides = [
    sideSql(question, 0, question.period, question.buckets, where),
    ...(question.compare ? [sideSql(question, 1, question.compare, question.compareBuckets, where)] : []),
  ];
  return `both_periods AS (${sides.join('\n UNION ALL ')})`;
}

function sideSql(
  question: Question,
  side: number,
  period: TimeRange,
  buckets: TimeBuckets | null,
  where: string,
): string {
  const keys = keysOf(question).map((key, i) => `${key === '$time' ? 'number' : dimension(key)} AS k${i}`);
  const edges = buckets ? buckets.edges : [wholeHour(period.from), wholeHour(period.to)];
  const pieces = edges.slice(0, -1).flatMap((edge, i) => {
    const end = edges[i + 1] ?? edge;
    return edge < end ? [`(${i}, ${timestamp(edge)}, ${timestamp(end)})`] : [];
  });
  const isProrated = question.timing === 'PRORATED';
  const amounts = isProrated ? `REPLACE (${Object.values(metrics).flatMap(cutSql).join(', ')})` : '';
  const start = question.axis === 'CHARGE_PERIOD' ? 'charge_period_start' : 'billing_period_start';
  const inPiece = isProrated
    ? `(charge_period_start < bucket_end AND charge_period_end > bucket_start
        OR charge_period_start = charge_period_end
          AND charge_period_start >= bucket_start AND charge_period_start < bucket_end)`
    : `date_trunc('hour', ${start}) >= bucket_start AND date_trunc('hour', ${start}) < bucket_end`;
  const pieceRows = pieces.length > 0 ? pieces.join(', ') : `(0, ${timestamp(0)}, ${timestamp(0)})`;
  return `SELECT flat.* ${amounts}, ${[`${side} AS side`, ...keys].join(', ')}
    FROM flat JOIN (VALUES ${pieceRows}) AS bucket(number, bucket_start, bucket_end) ON ${inPiece}
    WHERE tenant = ${literal(question.tenant)} AND (${where})`;
}

const HOUR = 3_600_000;
function wholeHour(instant: Instant): Instant {
  return instant % HOUR === 0 ? instant : instant - (instant % HOUR) + HOUR;
}

function timestamp(instant: Instant): string {
  return `TIMESTAMPTZ ${literal(timeText(instant))}`;
}

function cutSql({ column }: { column: string | null }): string[] {
  if (column === null) return [];
  const length = 'epoch_ms(charge_period_end) - epoch_ms(charge_period_start)';
  // Cut before the share is taken: instants outside the span stand for its ends.
  const at = (edge: string) =>
    `epoch_ms(least(greatest(${edge}, charge_period_start), charge_period_end)) - epoch_ms(charge_period_start)`;
  const until = (edge: string) => `units(${column}) * (${at(edge)}) // (${length})`;
  return [
    `CASE WHEN ${length} = 0 THEN units(${column})
      ELSE ${until('bucket_end')} - ${until('bucket_start')} END AS ${column}`,
  ];
}

function selectMeasures(question: Question, measures: readonly Measure[]) {
  const now = measures.map((measure) => ({ name: measure.name, sql: measureSql(measure, NOW) }));
  if (!question.compare) return now;
  const before = measures.map((measure) => ({
    name: `before:${measure.name}`,
    sql: measureSql(measure, BEFORE),
  }));
  return [...now, ...before];
}

function measureSql({ fn, column, where }: Measure, side: string): string {
  const met = `${side} AND (${condition(where)})`;
  if (column === null) return `count(*) FILTER (WHERE ${met})`;
  const filter = `FILTER (WHERE ${met} AND ${value(column)} IS NOT NULL)`;
  switch (fn) {
    case 'unit-min':
    case 'unit-max':
      return `${fn.slice('unit-'.length)}(coalesce(${column.replace('quantity', 'unit')}, '')) ${filter}`;
    case 'count-distinct':
    case 'count-distinct-estimate':
      return `count(DISTINCT ${value(column)}) ${filter}`;
    default:
      return `${fn}(${value(column)}) ${filter}`;
  }
}

function metricSql(metric: Metric, side: string): string {
  const [count = '', sum, unitMin, unitMax] = measuresOf(metric).map((each) => measureSql(each, side));
  if (!sum) return count;
  const mixed = unitMin && unitMax ? `WHEN ${unitMin} <> ${unitMax} THEN NULL` : '';
  return `CASE WHEN ${count} = 0 THEN 0 ${mixed} ELSE ${sum} END`;
}

function value(column: string): string {
  return Object.values(metrics).some((metric) => metric.column === column) ? column : dimension(column);
}

function dimension(key: string): string {
  if (key.startsWith('tag:')) return `element_at(tags, ${literal(key.slice('tag:'.length))})[1]`;
  if (!/_period_(start|end)$/.test(key)) return key;
  const format = (fraction: string) => `strftime(${key}, '%Y-%m-%dT%H:%M:%S${fraction}Z')`;
  return `CASE WHEN epoch_ms(${key}) % 1000 = 0 THEN ${format('')} ELSE ${format('.%g')} END`;
}

function condition(predicate: Predicate): string {
  switch (predicate.kind) {
    case 'true':
    case 'false':
      return predicate.kind;
    case 'and':
    case 'or':
      return predicate.parts.map((part) => `(${condition(part)})`).join(` ${predicate.kind} `);
    case 'not':
      return `NOT (${condition(predicate.part)})`;
    case 'member':
      return testSql(predicate.test);
    case 'test':
      return testSql(predicate);
  }
}

function testSql({ key, test, orNull }: Test): string {
  const column = dimension(key);
  const [lower, flags] = 'ignoreCase' in test && test.ignoreCase ? ['lower', "'i'"] : ['', "'c'"];
  const present = () => {
    switch (test.op) {
      case 'any':
        return 'true';
      case 'none':
        return 'false';
      case 'in':
      case 'notIn': {
        const list = test.values.map((each) => `${lower}(${literal(each)})`);
        const isIn = list.length > 0 ? `${lower}(${column}) IN (${list.join(', ')})` : 'false';
        return test.op === 'in' ? isIn : `NOT (${isIn})`;
      }
      case 'startsWith':
        return `starts_with(${lower}(${column}), ${lower}(${literal(test.value)}))`;
      case 'endsWith':
        return `suffix(${lower}(${column}), ${lower}(${literal(test.value)}))`;
      case 'contains':
        return `contains(${lower}(${column}), ${lower}(${literal(test.value)}))`;
      case 'matches':
        return `regexp_full_match(${column}, ${literal(test.value)}, ${flags})`;
    }
  };
  return `CASE WHEN ${column} IS NULL THEN ${orNull} ELSE ${present()} END`;
}
