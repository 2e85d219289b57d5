import type { Principal } from '../access/scopes.ts';
import type { Instant } from '../core/time-range.ts';
import type { CostEngine } from '../execute/engine.ts';
import type { PlainLists } from './plain-lists.ts';
import type { RequestRoute } from './request-route.ts';
import type { TableBinding } from './table.ts';

/** What the resolvers of one operation share. */
export type Context = {
  readonly engine: CostEngine;
  readonly principal: Principal;
  readonly route: RequestRoute;
  /** One clock for all tables of an operation. */
  readonly now: Instant;
  /** Aborts when the asker is gone or the server stops. */
  readonly signal: AbortSignal;
  /** Milliseconds since the operation started. */
  readonly elapsedMs: () => number;
  /** What the server allows an operation, in milliseconds. */
  readonly timeLimitMs: number;
  /** The root tables, by response key: each is bound once. */
  readonly bindings: Map<string, Promise<TableBinding>>;
  readonly plainLists: PlainLists;
  /** Rows of all drill-downs so far. */
  readonly drillDowns: { rows: number };
};
