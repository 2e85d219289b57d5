import type { TenantId } from '../core/ids.ts';
import type { TimeRange } from '../core/time-range.ts';
import type { Capabilities, Prices } from '../planner/capabilities.ts';
import type { Ask, ColumnName, StoreName } from '../planner/plan.ts';

/**
 * Rows as columns. Keys are text or null; `$time`, `$ordinal`, `$rows`, `$remainder`, ids and counts are bigint;
 * money and quantities are bigint in units of 10^-12; units and currencies are text.
 */
export type Rows = {
  readonly length: number;
  readonly columns: ReadonlyMap<ColumnName, readonly (bigint | string | null)[]>;
};

export type AskResult = {
  readonly rows: Rows;
  /** Milliseconds in the store, waiting for a slot not counted. */
  readonly ms: number;
};

export const controlTotalColumns = [
  'charge_count',
  'billed_cost',
  'effective_cost',
  'list_cost',
  'contracted_cost',
  'consumed_quantity',
  'pricing_quantity',
] as const;
export type ControlTotalColumn = (typeof controlTotalColumns)[number];

/** Decimals in units of 10^-12, the count in units of 1; 0 where there is nothing. */
export type ControlTotalsAsk = {
  readonly tenant: TenantId;
  /** Of the table `control_totals`, of live batches only. */
  readonly files: readonly string[];
  /** `hour`: the hours of the charges' starts; `billing_month`: the first days of the months. */
  readonly by: 'hour' | 'billing_month';
  readonly range: TimeRange;
};

/** A store that answers fragments of plans. It knows the planner's types; the planner does not know it. */
export type Connector = {
  readonly store: StoreName;
  readonly capabilities: Capabilities;
  readonly prices: Prices;
  /** What would be sent, for explain. */
  readonly statement: (ask: Ask) => string;
  /**
   * @param rowsMax more rows than this are an error (TOO_LARGE), never a silent cut
   * @throws STORE_FAILED, TOO_LARGE, SHARES_TOO_LARGE, BAD_FILTER for a regular expression that the store does not take; rejects with the signal's reason when it aborts
   */
  readonly run: (
    ask: Ask,
    limits: { readonly rowsMax: number; readonly signal: AbortSignal },
  ) => Promise<AskResult>;
  /** Sums of control totals: the other side of the proof of conservation, by a path that shares nothing with `run`. */
  readonly sumControlTotals: (
    ask: ControlTotalsAsk,
    signal: AbortSignal,
  ) => Promise<ReadonlyMap<ControlTotalColumn, bigint>>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};
