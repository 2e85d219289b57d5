/** What the live bills of one source look like, put together from what was measured of each of its batches. */
import type { Instant } from '../core/time-range.ts';
import { DAY_MS } from '../core/time-range.ts';
import type { BatchProfile, CommonValue, ProfiledColumn } from './batch-profile.ts';
import type { ColumnStatistics, PublishedBatch } from './batch.ts';

/** How far a number can be trusted: counted over all charges or over some of them, or estimated by a sketch of a few per cent. */
export type Confidence = 'counted' | 'sampled' | 'sketched';

export type SourceProfile = {
  readonly charges: number;
  readonly columns: ReadonlyMap<string, ColumnProfile>;
  /** Whether all of the batches were measured: then a tag that is no column is on no charge. */
  readonly isMeasured: boolean;
  /** Of two columns how many of all pairs of their values there are, from 0 to 1; a pair that was not measured is missing. */
  readonly pairDensity: (a: string, b: string) => number | null;
  /** Combinations of values of all profiled columns, in the largest batch; Infinity where none is profiled. */
  readonly tuples: number;
  /** The part of the days that such a combination has charges on. */
  readonly tupleDayDensity: number;
  /** The part of the days, and hours, with any charges. */
  readonly dayDensity: number;
  readonly hourDensity: number;
  /** When the oldest of the numbers was measured: batches are measured as they are imported. */
  readonly measuredFrom: Instant;
};

export type ColumnProfile = {
  /** Distinct values, a missing one among them. */
  readonly values: number;
  /** Parts of the charges, by value; not all where `isComplete` is false. */
  readonly common: ReadonlyMap<string | null, CommonShare>;
  readonly isComplete: boolean;
  readonly nullShare: number;
  /** The part of the days, and hours, that a value has charges on; null: not measured. */
  readonly dayDensity: number | null;
  readonly hourDensity: number | null;
  readonly confidence: Confidence;
};

export type CommonShare = {
  /** The part of the charges that have the value. */
  readonly charges: number;
  /** The part of another column's values that it goes together with; null: not measured. */
  readonly meets: (key: string) => number | null;
};

export type MeasuredBatch = {
  readonly batch: PublishedBatch;
  readonly statistics: readonly ColumnStatistics[];
  readonly profile: BatchProfile | undefined;
};

const TAG_PREFIX = 'tag:';
/** Of a tag that is on no charge. */
const absent = constant(null);

function constant(value: string | null): ColumnProfile {
  return {
    values: 1,
    common: new Map([[value, { charges: 1, meets: () => 1 }]]),
    isComplete: true,
    nullShare: value === null ? 1 : 0,
    dayDensity: 1,
    hourDensity: 1,
    confidence: 'counted',
  };
}

/** Undefined where nothing was measured; a tag that was not found is on no charge. */
export function columnOf({ columns, isMeasured }: SourceProfile, key: string): ColumnProfile | undefined {
  return columns.get(key) ?? (isMeasured && key.startsWith(TAG_PREFIX) ? absent : undefined);
}

/** The newest months tell what bills look like; with many more, putting together would take longer than planning. */
const PROFILES_MAX = 24;
const COMMON_MAX = 200;

/** @param measured live batches of one source */
export function sourceProfile(measured: readonly MeasuredBatch[]): SourceProfile {
  const profiled = measured
    .flatMap(({ batch, profile }) => (profile === undefined ? [] : [{ batch, profile }]))
    .sort((a, b) => b.batch.from - a.batch.from)
    .slice(0, PROFILES_MAX)
    .map(({ batch, profile }): Profiled => ({ batch, profile, places: placesOf(profile) }));
  const isWhole = profiled.length === measured.length;
  const columns = new Map<string, ColumnProfile>();
  for (const [key, own] of statisticsByKey(measured)) columns.set(key, sketchedColumn(own));
  for (const [key, own] of columnsByKey(profiled)) {
    columns.set(key, profiledColumn(own, isWhole && own.length === profiled.length, columns.get(key)));
  }
  for (const { batch } of measured) columns.set('source', constant(batch.source));
  const profiles = profiled.map(({ profile }) => profile);
  const spanDays = profiled.reduce((total, { batch }) => total + (batch.to - batch.from) / DAY_MS, 0);
  return {
    charges: sum(measured, ({ batch }) => batch.charges),
    columns,
    isMeasured: measured.every(({ statistics }) => statistics.length > 0),
    pairDensity: (a, b) => pairDensity(profiled, a, b),
    tuples: profiles.length === 0 ? Infinity : Math.max(...profiles.map(({ tuples }) => tuples)),
    tupleDayDensity: part(
      sum(profiles, ({ dayTuples }) => dayTuples),
      sum(profiles, ({ tuples, days }) => tuples * days),
    ),
    dayDensity: part(
      sum(profiles, ({ days }) => days),
      spanDays,
    ),
    hourDensity: part(
      sum(profiles, ({ hours }) => hours),
      spanDays * 24,
    ),
    measuredFrom: Math.min(...measured.map(({ batch }) => batch.knownFrom)),
  };
}

type Sketched = ColumnStatistics & { readonly charges: number };

function statisticsByKey(measured: readonly MeasuredBatch[]): Map<string, Sketched[]> {
  const rows = measured.flatMap(({ batch, statistics }) =>
    statistics.map((one): Sketched => ({ ...one, charges: batch.charges })),
  );
  return Map.groupBy(rows, ({ key }) => key);
}

/** Values of several months are mostly the same ones. */
function sketchedColumn(own: readonly Sketched[]): ColumnProfile {
  const nullShare = part(
    sum(own, ({ nulls }) => nulls),
    sum(own, ({ charges }) => charges),
    0,
  );
  return {
    values: Math.max(...own.map(({ distinct }) => distinct)) + (nullShare > 0 ? 1 : 0),
    common: new Map(),
    isComplete: false,
    nullShare,
    dayDensity: null,
    hourDensity: null,
    confidence: 'sketched',
  };
}

type Profiled = {
  readonly batch: PublishedBatch;
  readonly profile: BatchProfile;
  /** Of its columns by key. */
  readonly places: ReadonlyMap<string, number>;
};
type OwnColumn = Profiled & { readonly column: ProfiledColumn };

function columnsByKey(profiled: readonly Profiled[]): Map<string, OwnColumn[]> {
  const all = profiled.flatMap((one) => [
    ...one.profile.columns.map((column) => ({ ...one, column })),
    ...one.profile.constants.map(([key, value]) => ({ ...one, column: constantColumn(key, value, one) })),
  ]);
  return Map.groupBy(all, ({ column }) => column.key);
}

function constantColumn(key: string, value: string | null, { batch, profile }: Profiled): ProfiledColumn {
  const meets = profile.columns.map(({ values }) => values);
  const { days, hours } = profile;
  return { key, values: 1, dayValues: days, hourValues: hours, common: [[value, batch.charges, meets]] };
}

/** @param isEvery whether all live batches of the source are among them */
function profiledColumn(
  own: readonly OwnColumn[],
  isEvery: boolean,
  sketched: ColumnProfile | undefined,
): ColumnProfile {
  const charges = sum(own, ({ batch }) => batch.charges);
  const byValue = Map.groupBy(
    own.flatMap((one) => one.column.common.map((common) => ({ ...one, common }))),
    ({ common: [value] }) => value,
  );
  const common = [...byValue].map(([value, each]): [string | null, CommonShare] => {
    const ofValue = sum(each, (one) => one.common[1]);
    return [value, { charges: part(ofValue, charges), meets: (key) => metPart(each, key) }];
  });
  const shown = common.sort(([, a], [, b]) => b.charges - a.charges).slice(0, COMMON_MAX);
  const isCounted = own.every(
    ({ profile }) => profile.sampledOneIn === 1 && profile.countedTuples === profile.tuples,
  );
  const listsAll = own.every(({ column }) => column.common.length === column.values);
  return {
    values: Math.max(
      common.length,
      isCounted ? 0 : (sketched?.values ?? 0),
      ...own.map(({ column }) => column.values),
    ),
    common: new Map(shown),
    isComplete: isEvery && isCounted && listsAll && shown.length === common.length,
    nullShare: sketched?.nullShare ?? new Map(shown).get(null)?.charges ?? 0,
    dayDensity: part(
      sum(own, ({ column }) => column.dayValues),
      sum(own, ({ column, profile }) => column.values * profile.days),
    ),
    hourDensity: part(
      sum(own, ({ column }) => column.hourValues),
      sum(own, ({ column, profile }) => column.values * profile.hours),
    ),
    confidence: isCounted ? 'counted' : 'sampled',
  };
}

function placesOf({ columns }: BatchProfile): Map<string, number> {
  return new Map(columns.map(({ key }, place) => [key, place]));
}

function pairDensity(profiled: readonly Profiled[], a: string, b: string): number | null {
  let [found, possible] = [0, 0];
  for (const { profile, places } of profiled) {
    const [i, j] = [places.get(a), places.get(b)];
    if (i === undefined || j === undefined || i === j) continue;
    const [high, low] = i > j ? [i, j] : [j, i];
    found += profile.pairs[(high * (high - 1)) / 2 + low] ?? 0;
    possible += (profile.columns[i]?.values ?? 0) * (profile.columns[j]?.values ?? 0);
  }
  return possible === 0 ? null : part(found, possible);
}

function metPart(each: readonly (Profiled & { readonly common: CommonValue })[], key: string): number | null {
  let [found, possible] = [0, 0];
  for (const { profile, places, common } of each) {
    const place = places.get(key);
    if (place === undefined) continue;
    found += common[2][place] ?? 0;
    possible += profile.columns[place]?.values ?? 0;
  }
  return possible === 0 ? null : part(found, possible);
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

/** From 0 to 1; of nothing: all of it, unless told otherwise. */
function part(some: number, all: number, ofNothing = 1): number {
  return all > 0 ? Math.min(1, some / all) : ofNothing;
}
