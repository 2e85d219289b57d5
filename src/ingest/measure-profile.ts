/** How the values of a batch's columns go together, measured while its rows are at hand: one more scan of narrow columns. */
import type { BatchProfile, CommonValue, ProfiledColumn } from '../catalog/batch-profile.ts';
import type { ColumnStatistics } from '../catalog/batch.ts';
import { rowDimensionNames } from '../catalog/charge-columns.ts';
import { compareText } from '../core/code-point-order.ts';
import { sqlName, sqlText, sqlTexts } from './formats/sql-text.ts';
import type { IngestSession, SqlRow } from './ingest-session.ts';
import { numberOf, textOf } from './ingest-session.ts';
import { distinctEstimates } from './measure-statistics.ts';

/** Columns of more values are not profiled: there would be a tuple for nearly every charge. */
const VALUES_MAX = 1_000;
const COLUMNS_MAX = 24;
const TAGS_MAX = 8;
/** Of a month with more charges, one of so many is looked at that as many are left. */
const CHARGES_MAX = 60_000;
const HASH_MAX = 2n ** 64n - 1n;
/** Those with most charges: what goes together is counted over them. */
const TUPLES_MAX = 5_000;
const COMMON_MAX = 20;
/** Of its charges that a column's most frequent values must have to be worth keeping. */
const COMMON_SHARE_MIN = 0.2;
const COMMON_CHARACTERS_MAX = 100;
const TAG_SET = 'tag_set';
const TAG_PREFIX = 'tag:';

/** By month, `2018-10-01`. Needs the tables `tag_texts` and `new_tags`. */
export async function measureProfiles(
  session: IngestSession,
  statistics: ReadonlyMap<string, readonly ColumnStatistics[]>,
  constants: ReadonlyMap<string, string | null>,
  charges: ReadonlyMap<string, number>,
): Promise<Map<string, BatchProfile>> {
  const dimensions = profiledDimensions(statistics, constants);
  const own = rowDimensionNames.flatMap((key) => {
    const value = constants.get(key);
    return value === undefined ? [] : [[key, value] as const];
  });
  const tags = await profiledTags(session, statistics);
  await createCells(session, dimensions, tags, charges);
  const keys = [...dimensions, ...(tags === null ? [] : [TAG_SET, ...tags])];
  const profiles = new Map<string, BatchProfile>();
  for (const [month, count] of charges)
    profiles.set(month, { constants: own, ...(await profileOf(session, month, keys, oneIn(count))) });
  await session.rows('DROP TABLE cells');
  return profiles;
}

function oneIn(charges: number): number {
  return Math.ceil(Math.max(1, charges) / CHARGES_MAX);
}

/** Dimensions of the row that are not constant and have few values in every month, the fewest first. */
function profiledDimensions(
  statistics: ReadonlyMap<string, readonly ColumnStatistics[]>,
  constants: ReadonlyMap<string, string | null>,
): string[] {
  const most = distinctEstimates(statistics);
  const distinct = (key: string) => most.get(key) ?? 0;
  return rowDimensionNames
    .filter((key) => !constants.has(key) && distinct(key) <= VALUES_MAX)
    .sort((a, b) => distinct(a) - distinct(b))
    .slice(0, COLUMNS_MAX);
}

/** Those on most charges; null where there are too many sets of them. */
async function profiledTags(
  session: IngestSession,
  statistics: ReadonlyMap<string, readonly ColumnStatistics[]>,
): Promise<string[] | null> {
  const [row = {}] = await session.rows('SELECT count(DISTINCT tag_set) AS sets FROM tag_texts');
  if (numberOf(row, 'sets') > VALUES_MAX) return null;
  const nulls = new Map<string, number>();
  for (const one of [...statistics.values()].flat()) {
    if (!one.key.startsWith(TAG_PREFIX)) continue;
    nulls.set(one.key, Math.min(one.nulls, nulls.get(one.key) ?? Infinity));
  }
  return [...nulls]
    .sort(([a, some], [b, more]) => some - more || compareText(a, b))
    .slice(0, TAGS_MAX)
    .map(([key]) => key);
}

/** Makes the table `cells`: a row for each UTC day and tuple, with its number of charges and a bit for each hour. */
async function createCells(
  session: IngestSession,
  dimensions: readonly string[],
  tags: readonly string[] | null,
  charges: ReadonlyMap<string, number>,
): Promise<void> {
  // By the greatest hash that is looked at: remainders of hashes are taken in 128 bits, which costs more than all else.
  const sampled = [...charges]
    .filter(([, count]) => oneIn(count) > 1)
    .map(([month, count]) => `WHEN DATE '${month}' THEN ${HASH_MAX / BigInt(oneIn(count))}`);
  const where =
    sampled.length === 0
      ? ''
      : `WHERE hash(file_index, file_row_number) <= CAST(CASE charges.billing_month ${sampled.join(' ')} ELSE ${HASH_MAX} END AS UBIGINT)`;
  const join = 'LEFT JOIN tag_texts ON tags = text AND tag_texts.billing_month = charges.billing_month';
  const grouped = `SELECT charges.billing_month AS month, epoch_ms(charge_period_start) // 86400000 AS day,
  bit_or(CAST(1 AS INTEGER) << CAST(epoch_ms(charge_period_start) // 3600000 % 24 AS INTEGER)) AS hours, count(*) AS cell_charges,
  ${[...dimensions.map((name) => `charges.${sqlName(name)}`), ...(tags === null ? [] : [TAG_SET])].map((name) => `${name}, `).join('')}
FROM charges ${tags === null ? '' : join} ${where} GROUP BY ALL`;
  const pivots = (tags ?? []).map((key) => {
    const name = key.slice(TAG_PREFIX.length);
    return `max(value) FILTER (key = ${sqlText(name)}) AS ${sqlName(key)}`;
  });
  const names = (tags ?? []).map((key) => key.slice(TAG_PREFIX.length));
  const withTags =
    names.length === 0
      ? grouped
      : `SELECT * FROM (${grouped}) LEFT JOIN (SELECT id AS ${TAG_SET}, ${pivots.join(', ')}
FROM new_tags WHERE key IN (${sqlTexts(names)}) GROUP BY id) USING (${TAG_SET})`;
  await session.rows(`CREATE OR REPLACE TABLE cells AS ${withTags}`);
}

async function profileOf(
  session: IngestSession,
  month: string,
  keys: readonly string[],
  sampledOneIn: number,
): Promise<Omit<BatchProfile, 'constants'>> {
  const from = `cells WHERE month = DATE '${month}'`;
  const [all = {}] = await session.rows(
    `SELECT count(*) AS day_tuples, count(DISTINCT day) AS days,
  (SELECT sum(bit_count(hours)) FROM (SELECT bit_or(hours) AS hours FROM ${from} GROUP BY day)) AS hours FROM ${from}`,
  );
  const selected = keys.map((key, i) => `CAST(${sqlName(key)} AS VARCHAR) AS k${i}, `);
  const tuples = await session.rows(
    `SELECT ${selected.join('')}sum(cell_charges) AS charges, count(*) OVER () AS all_tuples
FROM ${from} GROUP BY ALL ORDER BY charges DESC LIMIT ${TUPLES_MAX}`,
  );
  const times = await valueTimes(session, from, keys);
  const coded = keys.map((_, i) => codeColumn(tuples.map((row) => textOf(row, `k${i}`))));
  const charges = tuples.map((row) => numberOf(row, 'charges'));
  const columns = keys.map((key, i): ProfiledColumn => {
    const { codes, values } = coded[i] ?? noCodes;
    const [dayValues = 0, hourValues = 0] = times[i] ?? [];
    const common = key === TAG_SET ? [] : commonCodes(codes, values, charges);
    const meets = countMeets(codes, common, coded);
    return {
      key,
      values: values.length,
      dayValues,
      hourValues,
      common: common.map(({ code, charges: own }, at): CommonValue => [
        values[code] ?? null,
        own * sampledOneIn,
        meets[at] ?? [],
      ]),
    };
  });
  return {
    sampledOneIn,
    tuples: tuples[0] === undefined ? 0 : numberOf(tuples[0], 'all_tuples'),
    countedTuples: tuples.length,
    dayTuples: numberOf(all, 'day_tuples'),
    days: numberOf(all, 'days'),
    hours: Number(textOf(all, 'hours') ?? 0),
    columns,
    pairs: countPairs(coded),
  };
}

/** Of each column the distinct pairs of a value and a day, and an hour. */
async function valueTimes(
  session: IngestSession,
  from: string,
  keys: readonly string[],
): Promise<(readonly [days: number, hours: number])[]> {
  if (keys.length === 0) return [];
  const names = keys.map(sqlName);
  // A bit for each column, set where it is not grouped by.
  const bits = (row: SqlRow) => BigInt(textOf(row, 'ungrouped') ?? 0);
  const rows = await session.rows(
    `SELECT ungrouped, count(*) AS days, sum(bit_count(hours)) AS hours
FROM (SELECT grouping_id(${names.join(', ')}) AS ungrouped, day, bit_or(hours) AS hours FROM ${from}
  GROUP BY GROUPING SETS (${names.map((name) => `(day, ${name})`).join(', ')}))
GROUP BY ungrouped`,
  );
  const every = (1n << BigInt(keys.length)) - 1n;
  const byBits = new Map(rows.map((row) => [bits(row), row]));
  return keys.map((_, i) => {
    const row = byBits.get(every ^ (1n << BigInt(keys.length - 1 - i)));
    return row === undefined ? [0, 0] : [numberOf(row, 'days'), numberOf(row, 'hours')];
  });
}

type Coded = { readonly codes: Int32Array; readonly values: readonly (string | null)[] };
const noCodes: Coded = { codes: new Int32Array(), values: [] };

function codeColumn(texts: readonly (string | null)[]): Coded {
  const codeOf = new Map<string | null, number>();
  const codes = Int32Array.from(texts, (text) => {
    const code = codeOf.get(text) ?? codeOf.size;
    codeOf.set(text, code);
    return code;
  });
  return { codes, values: [...codeOf.keys()] };
}

function countPairs(coded: readonly Coded[]): number[] {
  return coded.flatMap((a, i) => coded.slice(0, i).map((b) => countPair(a, b)));
}

function countPair(a: Coded, b: Coded): number {
  const seen = new Uint8Array(a.values.length * b.values.length);
  let pairs = 0;
  for (let row = 0; row < a.codes.length; row++) {
    const at = (a.codes[row] ?? 0) * b.values.length + (b.codes[row] ?? 0);
    if (seen[at] === 0) pairs += 1;
    seen[at] = 1;
  }
  return pairs;
}

type CommonCode = { readonly code: number; readonly charges: number };

function commonCodes(
  codes: Int32Array,
  values: readonly (string | null)[],
  charges: readonly number[],
): CommonCode[] {
  const chargesOf = new Float64Array(values.length);
  for (const [row, code] of codes.entries()) chargesOf[code] = (chargesOf[code] ?? 0) + (charges[row] ?? 0);
  const common = values
    .map((value, code) => ({ code, charges: chargesOf[code] ?? 0, length: value?.length ?? 0 }))
    .filter(({ length }) => length <= COMMON_CHARACTERS_MAX)
    .sort((a, b) => b.charges - a.charges)
    .slice(0, COMMON_MAX);
  const total = chargesOf.reduce((sum, each) => sum + each, 0);
  const covered = common.reduce((sum, each) => sum + each.charges, 0);
  return covered >= total * COMMON_SHARE_MIN ? common : [];
}

/** Of each common value how many values of each column it goes together with. */
function countMeets(codes: Int32Array, common: readonly CommonCode[], coded: readonly Coded[]): number[][] {
  const placeOf = new Map(common.map(({ code }, place) => [code, place]));
  const meets = common.map(() => coded.map(() => 0));
  for (const [column, other] of coded.entries()) {
    const seen = new Uint8Array(common.length * other.values.length);
    for (const [row, code] of codes.entries()) {
      const place = placeOf.get(code);
      const own = place === undefined ? undefined : meets[place];
      if (place === undefined || own === undefined) continue;
      const at = place * other.values.length + (other.codes[row] ?? 0);
      if (seen[at] === 0) own[column] = (own[column] ?? 0) + 1;
      seen[at] = 1;
    }
  }
  return meets;
}
