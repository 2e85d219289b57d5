/**
 * Exact decimals with 12 places from whatever a bill holds, in SQL.
 *
 * A text is taken by its digits, a double by its shortest decimal text; both are rounded half-even once.
 * DuckDB's own casts do neither (it multiplies doubles, and rounds half away from zero), and its cast from
 * text to DECIMAL(38,12) takes 1.6 µs of CPU.
 *
 * Quick way: a decimal of at most 15 digits and the double nearest to it determine each other. So if
 * d = i / 10^12 for an integer |i| < 10^15 (or i / 10^6), that is the decimal which the text, or the shortest
 * text of the double, says. Most values go this way; the others by their digits.
 */
export type NumberColumn = {
  readonly alias: string;
  /** DuckDB type of the column `ALIAS_source`. */
  readonly type: string;
};

/** No value may reach this: sums of any file stay far from the end of DECIMAL(38,12). */
export const NUMBER_MAX = 10n ** 18n;
/** Any decimal of so many digits survives the way to a double and back. */
const DIGITS_MAX = 15;

const PLACES = 'DECIMAL(38,12)';
const RESIDUE = 'DECIMAL(38,30)';
const UNIT = 'CAST(0.000000000001 AS DECIMAL(12,12))';
const RESIDUE_UNIT = 'CAST(0.000000000000000000000000000001 AS DECIMAL(30,30))';
/** Digits that an exponent may shift by: what lies beyond is 0 after rounding, or too large. */
const SHIFT_MAX = 60;
/** In units of the 30th place. */
const HALF = '500000000000000000';
const NUMBER_PATTERN = String.raw`[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]{1,4})?`;

/** DuckDB types that are a decimal already, or fit into one. */
const EXACT_TYPE = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL\(\d+,(\d|1[0-2])\))$/;

/**
 * SELECT of all of `from`, plus for each number `ALIAS` (DECIMAL(38,12), null where `ALIAS_source` is no
 * number below NUMBER_MAX) and `ALIAS_residue` (source value - value, null as
 * the value is; digits beyond the 30th are left out).
 */
export function decimalsOf(from: string, numbers: readonly NumberColumn[]): string {
  const inexact = numbers.filter(({ type }) => !EXACT_TYPE.test(type));
  const stages = [near, quick, textOfOthers, plain, point, cut, roundsUp] as const;
  const staged = stages.reduce((input, stage) => stageOver(input, inexact.map(stage)), from);
  return stageOver(
    staged,
    numbers.map((number) => (EXACT_TYPE.test(number.type) ? exact(number) : result(number))),
  );
}

function stageOver(from: string, columns: readonly string[]): string {
  return columns.length === 0 ? from : `SELECT *,\n  ${columns.join(',\n  ')}\nFROM (${from})`;
}

function exact({ alias }: NumberColumn): string {
  const value = `try_cast("${alias}_source" AS ${PLACES})`;
  return `CASE WHEN abs(${value}) < ${NUMBER_MAX} THEN ${value} END AS "${alias}",
  CASE WHEN "${alias}_source" IS NOT NULL THEN CAST(0 AS ${RESIDUE}) END AS "${alias}_residue"`;
}

function near({ alias, type }: NumberColumn): string {
  return `try_cast("${alias}_source" AS ${type.startsWith('DECIMAL') ? PLACES : 'DOUBLE'}) AS "${alias}_near"`;
}

function quick({ alias, type }: NumberColumn): string {
  const [source, value] = [`"${alias}_source"`, `"${alias}_near"`];
  if (type.startsWith('DECIMAL')) {
    return `CASE WHEN ${value} = ${source} AND abs(${value}) < ${NUMBER_MAX} THEN ${value} END AS "${alias}_quick"`;
  }
  return `CASE
    WHEN abs(${value}) < 1e3 ${ofFewDigits(source, type)} AND CAST(CAST(${value} AS DECIMAL(15,12)) AS DOUBLE) = ${value}
      THEN CAST(CAST(${value} AS DECIMAL(15,12)) AS ${PLACES})
    WHEN abs(${value}) < 1e9 ${ofFewDigits(source, type)} AND CAST(CAST(${value} AS DECIMAL(15,6)) AS DOUBLE) = ${value}
      THEN CAST(CAST(${value} AS DECIMAL(15,6)) AS ${PLACES}) END AS "${alias}_quick"`;
}

/** Whether `ALIAS_near` stands for the source; it does for a DOUBLE. */
function ofFewDigits(source: string, type: string): string {
  if (type === 'DOUBLE') return '';
  if (type === 'FLOAT') return 'AND false'; // Widened, it is not what its shortest text says.
  // "1_000" is a number to DuckDB alone.
  return `AND length(${source}) <= ${DIGITS_MAX + 1} AND NOT contains(${source}, '_')`;
}

/**
 * The text of a value that the quick way did not take; null when it is none of a number. From here on a
 * CASE keeps every step away from the values that are done: it makes them free.
 */
function textOfOthers({ alias, type }: NumberColumn): string {
  const source = `"${alias}_source"`;
  const text = type === 'VARCHAR' ? `lower(trim(${source}))` : `CAST(${source} AS VARCHAR)`;
  const check = type === 'VARCHAR' ? `regexp_full_match(${text}, '${NUMBER_PATTERN}')` : 'true';
  return `CASE WHEN "${alias}_quick" IS NULL AND ${source} IS NOT NULL THEN CASE WHEN ${check} THEN ${text} END END AS "${alias}_text"`;
}

/** Without sign and exponent: `-12.5e-3` becomes `.0125`. */
function plain({ alias }: NumberColumn): string {
  const text = `"${alias}_text"`;
  const unsigned = `ltrim(${text}, '+-')`;
  const mantissa = `split_part(${unsigned}, 'e', 1)`;
  const all = `replace(${mantissa}, '.', '')`;
  const point = `(length(split_part(${mantissa}, '.', 1)) + CAST(split_part(${unsigned}, 'e', 2) AS INTEGER))`;
  return `CASE WHEN ${text} IS NOT NULL THEN CASE WHEN NOT contains(${text}, 'e') THEN ${unsigned}
    WHEN ${point} <= 0 THEN '.' || repeat('0', least(-${point}, ${SHIFT_MAX})) || ${all}
    WHEN ${point} >= length(${all}) THEN ${all} || repeat('0', least(${point} - length(${all}), ${SHIFT_MAX}))
    ELSE substr(${all}, 1, ${point}) || '.' || substr(${all}, ${point} + 1) END END AS "${alias}_plain"`;
}

/** Place of the point, also where there is none. */
function point({ alias }: NumberColumn): string {
  return `CASE WHEN "${alias}_plain" IS NOT NULL THEN CASE strpos("${alias}_plain", '.')
    WHEN 0 THEN length("${alias}_plain") + 1 ELSE strpos("${alias}_plain", '.') END END AS "${alias}_point"`;
}

/** The whole and 12 places, cut off; the next 18 places as an integer. */
function cut({ alias }: NumberColumn): string {
  const [text, point] = [`"${alias}_plain"`, `"${alias}_point"`];
  const whole = `try_cast('0' || substr(${text}, 1, ${point} - 1) AS BIGINT)`;
  const fraction = `CAST(rpad(substr(${text}, ${point} + 1, 12), 12, '0') AS BIGINT)`;
  return `CASE WHEN ${text} IS NOT NULL THEN CASE WHEN ${whole} < ${NUMBER_MAX} THEN
    CAST(${whole} AS ${PLACES}) + CAST(${fraction} AS DECIMAL(18,0)) * ${UNIT} END END AS "${alias}_cut",
  CASE WHEN length(${text}) > ${point} + 12 THEN CAST(rpad(substr(${text}, ${point} + 13, 18), 18, '0') AS BIGINT) ELSE 0 END AS "${alias}_tail"`;
}

/** Half-even: up beyond the half, and at the half when the last kept digit is odd. */
function roundsUp({ alias }: NumberColumn): string {
  const [text, point, tail] = [`"${alias}_plain"`, `"${alias}_point"`, `"${alias}_tail"`];
  const beyond = `rtrim(substr(${text}, ${point} + 31), '0') <> ''`;
  const odd = `CAST(substr(${text}, ${point} + 12, 1) AS TINYINT) % 2 = 1`;
  return `CASE WHEN ${tail} > ${HALF} OR (${tail} = ${HALF} AND (${beyond} OR ${odd}))
    THEN ${UNIT} ELSE CAST(0 AS DECIMAL(12,12)) END AS "${alias}_up"`;
}

function result({ alias }: NumberColumn): string {
  const cut = `"${alias}_cut"`;
  const [rounded, residue] = [
    `CAST(${cut} + "${alias}_up" AS ${PLACES})`,
    `CAST(CAST("${alias}_tail" AS DECIMAL(18,0)) * ${RESIDUE_UNIT} - "${alias}_up" AS ${RESIDUE})`,
  ];
  const negative = `starts_with("${alias}_text", '-')`;
  return `CASE WHEN "${alias}_quick" IS NOT NULL THEN "${alias}_quick"
    WHEN ${cut} IS NOT NULL THEN CASE WHEN ${negative} THEN -${rounded} ELSE ${rounded} END END AS "${alias}",
  CASE WHEN "${alias}_quick" IS NOT NULL THEN CAST(0 AS ${RESIDUE}) WHEN ${negative} THEN -${residue} ELSE ${residue} END AS "${alias}_residue"`;
}
