import type { Capabilities, Prices } from '../../planner/capabilities.ts';

/** DuckDB does everything that the algebra has, exactly. */
export const duckdbCapabilities = {
  filter: {
    any: 'exact',
    none: 'exact',
    in: 'exact',
    notIn: 'exact',
    startsWith: 'exact',
    endsWith: 'exact',
    contains: 'exact',
    matches: 'exact', // RE2 itself.
    ignoreCase: 'exact', // lower() maps each code point by itself.
    member: 'exact',
  },
  aggregate: {
    count: 'exact',
    'count-once': 'exact',
    sum: 'exact', // DECIMAL(38,12): an error beyond 10^26, never a float.
    min: 'exact', // Text compares as UTF-8 bytes: by code point.
    max: 'exact',
    'unit-min': 'exact',
    'unit-max': 'exact',
    'count-distinct': 'exact',
    'count-distinct-estimate': 'estimate', // HyperLogLog.
  },
  nodes: {
    Scan: true,
    Empty: true,
    Lookup: true,
    Attribute: true,
    Allocate: true,
    Telemetry: true,
    Rebucket: true,
    Filter: true,
    Bucket: true,
    Aggregate: true,
    GroupingSets: true,
    Union: true,
    Compare: true,
    Having: true,
    Top: true,
    Page: true,
  },
  prorate: true,
} as const satisfies Capabilities;

/**
 * Where there is no calibration: as `costgraph calibrate` found them on a busy machine of two cores (2026-11), off by 1.2
 * times in the median. Bytes from memory cost next to nothing; the price of a megabyte is that of a disk.
 */
export const duckdbPrices = {
  startupMs: 2,
  msPerFile: 0.3,
  msPerMegabyte: 0.5,
  msPerMillionRows: 50,
  msPerMillionGroups: 3_000,
  usdPerHour: 0.1,
} as const satisfies Prices;
