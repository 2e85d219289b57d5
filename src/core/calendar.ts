import type { LocalTime } from './time-zone.ts';
import { DAY_MS, HOUR_MS } from './time-range.ts';
import { unreachable } from './unreachable.ts';

export type CalendarStep = 'HOUR' | 'DAY' | 'WEEK' | 'MONTH' | 'QUARTER' | 'YEAR';

const MONTHS_IN_QUARTER = 3;
const WEEK_DAYS = 7;
/** 1970-01-01 was a Thursday; ISO weeks start on Monday. */
const FIRST_MONDAY_MS = 4 * DAY_MS;

/** Start of the unit that `local` falls in, on the wall clock. */
export function startOf(unit: CalendarStep, local: LocalTime): LocalTime {
  const date = new Date(local);
  const year = date.getUTCFullYear();
  const month = date.getUTCMonth();
  switch (unit) {
    case 'HOUR':
      return Math.floor(local / HOUR_MS) * HOUR_MS;
    case 'DAY':
      return Math.floor(local / DAY_MS) * DAY_MS;
    case 'WEEK':
      return (
        Math.floor((local - FIRST_MONDAY_MS) / (WEEK_DAYS * DAY_MS)) * WEEK_DAYS * DAY_MS + FIRST_MONDAY_MS
      );
    case 'MONTH':
      return Date.UTC(year, month, 1);
    case 'QUARTER':
      return Date.UTC(year, month - (month % MONTHS_IN_QUARTER), 1);
    case 'YEAR':
      return Date.UTC(year, 0, 1);
    default:
      return unreachable(unit);
  }
}

/** `start` (itself a start of the unit) moved by `count` units. */
export function addUnits(unit: CalendarStep, start: LocalTime, count: number): LocalTime {
  const date = new Date(start);
  switch (unit) {
    case 'HOUR':
      return start + count * HOUR_MS;
    case 'DAY':
      return start + count * DAY_MS;
    case 'WEEK':
      return start + count * WEEK_DAYS * DAY_MS;
    case 'MONTH':
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + count, 1);
    case 'QUARTER':
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + count * MONTHS_IN_QUARTER, 1);
    case 'YEAR':
      return Date.UTC(date.getUTCFullYear() + count, 0, 1);
    default:
      return unreachable(unit);
  }
}
