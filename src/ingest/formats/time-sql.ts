/** Times outside are not of a bill: a date that a spreadsheet has turned around, a year of two digits. */
const EARLIEST = '2000-01-01';
const LATEST = '2200-01-01';

/**
 * TIMESTAMPTZ of a column, whatever the connection's time zone; null when it is no time.
 * A text without an offset, a TIMESTAMP and a DATE are in UTC, as FOCUS and AWS say. Texts are ISO 8601 alone:
 * `2024-09-18 22:00:00`, `2024-09-18T22:00Z`, `2024-09-18T22:00:00.000+02:00`, `2024-09-18`.
 */
export function instantOf(reference: string, type: string): string {
  const instant = unchecked(reference, type);
  return `CASE WHEN ${instant} >= ${utc(EARLIEST)} AND ${instant} < ${utc(LATEST)} THEN ${instant} END`;
}

/** Midnight UTC of a date: the literal names its offset. */
function utc(date: string): string {
  return `TIMESTAMPTZ '${date} 00:00:00+00'`;
}

function unchecked(reference: string, type: string): string {
  if (type === 'TIMESTAMP WITH TIME ZONE') return reference;
  // DuckDB's cast from TIMESTAMP takes the connection's zone; this takes none.
  if (type.startsWith('TIMESTAMP') || type === 'DATE')
    return `make_timestamptz(epoch_us(CAST(${reference} AS TIMESTAMP)))`;
  const text = type === 'VARCHAR' ? reference : `CAST(${reference} AS VARCHAR)`;
  // A cast to TIMESTAMP drops an offset silently, one to TIMESTAMPTZ without an offset takes the connection's zone.
  return `try_cast(CASE
    WHEN length(${text}) = 19 THEN ${text} || '+00'
    WHEN length(${text}) = 20 AND ends_with(${text}, 'Z') THEN ${text}
    WHEN length(${text}) = 10 THEN ${text} || ' 00:00:00+00'
    WHEN length(${text}) = 16 THEN ${text} || ':00+00'
    WHEN length(${text}) = 17 AND ends_with(${text}, 'Z') THEN substr(${text}, 1, 16) || ':00+00'
    WHEN regexp_matches(${text}, '(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?)$') THEN ${text}
    ELSE ${text} || '+00' END AS TIMESTAMPTZ)`;
}

/** First day of the UTC month of an instant, as DATE. */
export function utcMonth(instant: string): string {
  return `CAST(date_trunc('month', make_timestamp(epoch_us(${instant}))) AS DATE)`;
}

/**
 * Microseconds since 1970 of the start of an instant's UTC hour or day, whatever the connection's time zone; the
 * remainder of a time before 1970 is negative. date_trunc of a TIMESTAMPTZ takes ten times as long.
 */
export function bucketStartUs(instant: string, bucketMs: number): string {
  const us = bucketMs * 1000;
  return `(epoch_us(${instant}) - ((epoch_us(${instant}) % ${us}) + ${us}) % ${us})`;
}
