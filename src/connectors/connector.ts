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

/** A store that answers fragments of plans. It knows the planner's types; the planner does not know it. */
export type Connector = {
  readonly store: StoreName;
  readonly capabilities: Capabilities;
  readonly prices: Prices;
  /** What would be sent, for explain. */
  readonly statement: (ask: Ask) => string;
  /**
   * @param rowsMax more rows than this are an error (TOO_LARGE), never a silent cut
   * @throws STORE_FAILED, TOO_LARGE; rejects with the signal's reason when it aborts
   */
  readonly run: (
    ask: Ask,
    limits: { readonly rowsMax: number; readonly signal: AbortSignal },
  ) => Promise<AskResult>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};
