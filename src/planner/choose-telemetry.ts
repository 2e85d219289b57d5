/** Which files a question needs of a stream of driver data. */
import { filesInTime } from '../catalog/file-index.ts';
import type { TelemetryLoad } from '../catalog/telemetry.ts';
import { keyColumn, TIME_COLUMN, UNITS_COLUMN } from '../catalog/telemetry.ts';
import type { TenantState } from '../catalog/tenant-state.ts';
import type { Instant, TimeRange } from '../core/time-range.ts';
import { HOUR_MS, overlaps } from '../core/time-range.ts';
import { areTimesIn, choiceOf, isOfTenant, selectionOf } from './choose-files.ts';
import { amountOf, less, micros, sizeOf } from './files-in-time.ts';
import type { FileSelection } from './plan.ts';

/** Column that tells a file's load. */
export const LOAD_COLUMN = 'load';

/** A stream at a state over a range, as plain data that a plan may hold. */
export type TelemetrySelection = {
  readonly stream: string;
  /** The keys that rows are asked by, and the lake's columns of them. */
  readonly keys: readonly { readonly key: string; readonly column: string }[];
  /** The lake's columns of all keys of the stream. */
  readonly columns: readonly string[];
  readonly range: TimeRange;
  /** Ids of the loads that may say something of the range, oldest first: what the rows depend on. */
  readonly loads: readonly string[];
  readonly files: FileSelection;
  /**
   * Of them those of loads that may take the place of earlier ones' rows; null where none can. A row counts where no
   * later load has one at its time under its keys.
   */
  readonly overlay: FileSelection | null;
};

/**
 * @param keys of the stream, which rows are asked by
 * @returns null where the state knows no such stream, or one without these keys
 */
export function chooseTelemetry(
  state: TenantState,
  name: string,
  keys: readonly string[],
  range: TimeRange,
): TelemetrySelection | null {
  const stream = state.telemetry.get(name);
  if (stream === undefined || !keys.every((key) => stream.columns.includes(key))) return null;
  const loads = stream.loads.filter((load) => overlaps(load, range));
  const overlaying = overlayingLoads(loads, range);
  const columnOf = (key: string): string => keyColumn(stream.columns.indexOf(key));
  const columns = stream.columns.map(columnOf);
  const asked = keys.map((key) => ({ key, column: columnOf(key) }));
  const all = new Set(loads.map(({ id }) => id));
  const compared = [TIME_COLUMN, LOAD_COLUMN, ...columns];
  const read =
    overlaying.size > 0
      ? [...compared, UNITS_COLUMN]
      : [TIME_COLUMN, UNITS_COLUMN, ...asked.map(({ column }) => column)];
  return {
    stream: name,
    keys: asked,
    columns,
    range,
    loads: [...all],
    files: telemetryFiles(state, name, all, range, read),
    overlay: overlaying.size > 0 ? telemetryFiles(state, name, overlaying, range, compared) : null,
  };
}

/** Those that come upon an hour of the range that an earlier one has. */
function overlayingLoads(loads: readonly TelemetryLoad[], range: TimeRange): ReadonlySet<string> {
  const overlaying = new Set<string>();
  const taken = new Set<number>();
  for (const { id, from, to } of loads) {
    const end = Math.min(to, range.to);
    for (let hour = Math.max(from, hourOf(range.from)); hour < end; hour += HOUR_MS) {
      if (taken.has(hour)) overlaying.add(id);
      else taken.add(hour);
    }
  }
  return overlaying;
}

function hourOf(instant: Instant): Instant {
  return Math.floor(instant / HOUR_MS) * HOUR_MS;
}

/** The files of some loads of a stream, as far as they are of the range. */
function telemetryFiles(
  { telemetry, tables, tenant }: TenantState,
  name: string,
  loads: ReadonlySet<string>,
  range: TimeRange,
  columns: readonly string[],
): FileSelection {
  const { snapshot, files: index } = tables.telemetry;
  const [from, to] = [micros(range.from), micros(range.to)];
  const window = { from, to, startColumn: TIME_COLUMN, endColumn: TIME_COLUMN };
  const known = [...telemetry.values()].flatMap((stream) =>
    stream.loads.flatMap(({ id }) => {
      const own = index.byBatch.get(id);
      return own === undefined ? [] : [{ id, own, isAsked: stream.name === name }];
    }),
  );
  const asked = known.filter(({ id }) => loads.has(id)).map(({ own }) => own);
  const read = filesInTime(asked, window);
  const ofAll = amountOf(known);
  const ofStream = amountOf(known.filter(({ isAsked }) => isAsked));
  const inTime = { count: read.length, sizeBytes: sizeOf(read) };
  const skipped = [
    less('NOT_ASKED', ofAll, ofStream),
    less('TIME', ofStream, inTime),
    less('NOT_LIVE', index, ofAll),
  ].filter(({ files }) => files > 0);
  const choices = read.map((file) => {
    const proven = { tenant: isOfTenant(file, tenant), time: areTimesIn(file, TIME_COLUMN, range) };
    return choiceOf(file, columns, proven);
  });
  return selectionOf({ table: 'telemetry', columns, snapshot, index, skipped }, choices);
}
