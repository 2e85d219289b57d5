import type { Metric } from '../catalog/metrics.ts';
import type { Granularity } from './time-buckets.ts';

/**
 * A cost query as its asker wrote it (CostQuery of schema.graphql; the SQL bridge makes the same), defaults
 * applied by the transport, nothing checked yet. bind-question.ts checks and resolves it into a Question.
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
  readonly compare: PeriodInput | null;
  readonly knowledge: KnowledgeInput;
  readonly timeZone: string;
};

/** Instants as RFC 3339 text, durations as ISO 8601. Exactly one form may be set. */
export type PeriodInput = {
  readonly from?: string | null;
  readonly to?: string | null;
  readonly last?: string | null;
  readonly month?: string | null;
  readonly toDate?: CalendarUnit | null;
  readonly previous?: CalendarUnit | null;
};
export type CalendarUnit = 'DAY' | 'WEEK' | 'MONTH' | 'QUARTER' | 'YEAR';

/** At most one of asOf, close and version. */
export type KnowledgeInput = {
  readonly asOf?: string | null;
  readonly close?: string | null;
  readonly version?: string | null;
  readonly rules?: string | null;
};

/** Exactly one field. */
export type FilterInput = {
  readonly all?: readonly FilterInput[] | null;
  readonly any?: readonly FilterInput[] | null;
  readonly not?: FilterInput | null;
  readonly dimension?: DimensionFilter | null;
};

/** `key` and exactly one test. */
export type DimensionFilter = {
  readonly key: string;
  readonly in?: readonly string[] | null;
  readonly notIn?: readonly string[] | null;
  readonly includeNull?: boolean | null;
  readonly startsWith?: string | null;
  readonly endsWith?: string | null;
  readonly contains?: string | null;
  readonly matches?: string | null;
  readonly isNull?: boolean | null;
  readonly ignoreCase?: boolean | null;
};

/** Decimals as text. */
export type HavingInput = {
  readonly metric: Metric;
  readonly gt?: string | null;
  readonly gte?: string | null;
  readonly lt?: string | null;
  readonly lte?: string | null;
};

type Direction = 'ASC' | 'DESC';
/** Exactly one field. */
export type OrderInput = {
  readonly metric?: { readonly metric: Metric; readonly direction: Direction } | null;
  readonly change?: { readonly metric: Metric; readonly direction: Direction } | null;
  readonly dimension?: { readonly key: string; readonly direction: Direction } | null;
  readonly time?: Direction | null;
};
