import type { Metric } from '../catalog/metrics.ts';
import type { Granularity } from './time-buckets.ts';

/**
 * A cost query as its asker wrote it (CostQuery of schema.graphql; the SQL bridge makes the same), defaults
 * applied by the transport, nothing checked yet. bind-query.ts checks and resolves it into a Question.
 */
export type CostQuery = {
  readonly period: PeriodInput;
  readonly granularity: Granularity;
  readonly groupBy: readonly string[];
  readonly filter: FilterInput | null;
  readonly having: readonly HavingInput[];
  readonly orderBy: readonly OrderInput[];
  readonly top: {
    readonly count: number;
    readonly metric: Metric;
    readonly by: readonly string[] | null;
    readonly remainder: boolean;
  } | null;
  readonly currency: string | null;
  readonly timing: 'START' | 'PRORATED';
  readonly timeAxis: 'CHARGE_PERIOD' | 'BILLING_PERIOD';
  readonly splits: 'APPLIED' | 'NONE';
  readonly compare: PeriodInput | null;
  readonly knowledge: KnowledgeInput;
  readonly timeZone: string;
};

/** Instants as RFC 3339 text, durations as ISO 8601. Exactly one form may be set. */
export type PeriodInput = {
  readonly from?: string | null | undefined;
  readonly to?: string | null | undefined;
  readonly last?: string | null | undefined;
  readonly month?: string | null | undefined;
  readonly toDate?: CalendarUnit | null | undefined;
  readonly previous?: CalendarUnit | null | undefined;
};
export type CalendarUnit = 'DAY' | 'WEEK' | 'MONTH' | 'QUARTER' | 'YEAR';

/** At most one of asOf, close and version. */
export type KnowledgeInput = {
  readonly asOf?: string | null | undefined;
  readonly close?: string | null | undefined;
  readonly version?: string | null | undefined;
  readonly rules?: string | null | undefined;
};

/** Exactly one field. */
export type FilterInput = {
  readonly all?: readonly FilterInput[] | null | undefined;
  readonly any?: readonly FilterInput[] | null | undefined;
  readonly not?: FilterInput | null | undefined;
  readonly dimension?: DimensionFilter | null | undefined;
};

/** `key` and exactly one test. */
export type DimensionFilter = {
  readonly key: string;
  readonly in?: readonly string[] | null | undefined;
  readonly notIn?: readonly string[] | null | undefined;
  readonly includeNull?: boolean | null | undefined;
  readonly startsWith?: string | null | undefined;
  readonly endsWith?: string | null | undefined;
  readonly contains?: string | null | undefined;
  readonly matches?: string | null | undefined;
  readonly isNull?: boolean | null | undefined;
  readonly ignoreCase?: boolean | null | undefined;
};

/** Decimals as text. */
export type HavingInput = {
  readonly metric: Metric;
  readonly gt?: string | null | undefined;
  readonly gte?: string | null | undefined;
  readonly lt?: string | null | undefined;
  readonly lte?: string | null | undefined;
};

type Direction = 'ASC' | 'DESC';
/** Exactly one field. */
export type OrderInput = {
  readonly metric?: { readonly metric: Metric; readonly direction: Direction } | null | undefined;
  readonly change?: { readonly metric: Metric; readonly direction: Direction } | null | undefined;
  readonly dimension?: { readonly key: string; readonly direction: Direction } | null | undefined;
  readonly time?: Direction | null | undefined;
};
