/**
 * Driver data: units of work at a time under keys, by which splits share cost and unit costs divide it. A stream is
 * loaded by and by; a row takes the place of the one that earlier loads have at the same time under the same keys.
 */
import type { Decimal } from '../core/decimal.ts';
import type { Instant } from '../core/time-range.ts';

/** Columns of the lake table for keys; a stream uses as many as it has. */
export const TELEMETRY_KEYS_MAX = 8;
/** Of a tenant. */
export const STREAMS_MAX = 100;
export const TIME_COLUMN = 'time';
export const UNITS_COLUMN = 'units';

/** What the tenant knows of a stream at one state, or by now. */
export type TelemetryStream = {
  readonly name: string;
  /** Keys of dimensions, in the order of their columns in the lake. */
  readonly columns: readonly string[];
  /** Not empty, oldest first: the order of their ids. */
  readonly loads: readonly TelemetryLoad[];
};

/** What one file or call changed of a stream. */
export type TelemetryLoad = {
  /** Ids of later loads of the stream are greater. */
  readonly id: string;
  /** The knowledge step that it is. */
  readonly sequence: number;
  readonly rows: number;
  /** Sum over the rows. */
  readonly units: Decimal;
  /** Whole UTC hours: from that of the first row, to the end of that of the last. */
  readonly from: Instant;
  readonly to: Instant;
  /** SHA-256 of the file that it came from, and its name. */
  readonly digest: string;
  readonly file: string;
};

/** One row as a caller sends it. `time` is an RFC 3339 instant, `units` a decimal, both as text. */
export type TelemetryRow = {
  readonly time: string;
  readonly keys: readonly { readonly dimension: string; readonly value: string }[];
  readonly units: string;
};

/** Why a row cannot be loaded; `row` counts from 1. */
export type BadTelemetryRow = { readonly row: number; readonly code: string; readonly reason: string };

export type TelemetryCall = {
  /** Rows that hold now; none where one is bad. */
  readonly accepted: number;
  /** Times and keys that had other units before. */
  readonly replaced: number;
  /** The first bad rows. */
  readonly bad: readonly BadTelemetryRow[];
};

/** The lake's column of a stream's key, by its place from 0. */
export function keyColumn(place: number): string {
  return `key_${place + 1}`;
}

const LOAD_DIGITS = 10;

/** @param suffix of a try to load that crashed nothing is ever read: another try has another */
export function telemetryLoadId(earlier: readonly TelemetryLoad[], suffix: string): string {
  return `${String(earlier.length + 1).padStart(LOAD_DIGITS, '0')}-${suffix}`;
}

const OWN_KEY = /^[a-z][a-z0-9_]{0,62}$/;
const TAG_KEY = /^tag:.{1,252}$/u;
const notKeys = new Set([TIME_COLUMN, UNITS_COLUMN]);

/** Whether a stream may have the key: of a FOCUS column, a tag, or a dimension that rules define, or will define. */
export function isTelemetryKey(key: string): boolean {
  return (OWN_KEY.test(key) || TAG_KEY.test(key)) && !notKeys.has(key);
}

/** The same keys, in whichever order. */
export function hasSameKeys(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((key) => b.includes(key));
}
