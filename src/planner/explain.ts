import type { UsedStatistics } from './explain-statistics.ts';
import type { Pruning } from './plan.ts';

/** An execution plan in the shape of `Explain` of the schema: what engineers read. */
export type Explanation = {
  readonly fingerprint: string;
  readonly text: string;
  readonly mermaid: string;
  readonly nodes: readonly ExplainedNode[];
  readonly rules: readonly RuleTrace[];
  readonly candidates: readonly Candidate[];
  readonly pruning: Pruning;
  readonly estimate: PlanCost;
  readonly actual: PlanCost | null;
  readonly planningMs: number;
  readonly cache: { readonly hit: boolean; readonly partsFromCache: number; readonly partsTotal: number };
  readonly planCached: boolean;
};

export type ExplainedNode = {
  readonly id: string;
  readonly parent: string | null;
  readonly operator: string;
  readonly detail: string;
  readonly store: string;
  readonly statement: string | null;
  readonly from: number | null;
  readonly to: number | null;
  readonly pin: string | null;
  readonly pushed: readonly string[];
  readonly residual: readonly string[];
  readonly pruning: Pruning | null;
  readonly statistics: UsedStatistics | null;
  readonly estimate: PlanCost;
  readonly actual: PlanCost | null;
};

export type RuleTrace = {
  readonly rule: string;
  readonly fired: boolean;
  readonly reason: string;
  readonly before: string | null;
  readonly after: string | null;
};

export type Candidate = {
  readonly from: number;
  readonly to: number;
  readonly store: string;
  readonly source: string;
  readonly chosen: boolean;
  readonly estimate: PlanCost;
  readonly reason: string;
};

/** `qError` = max(estimate/actual, actual/estimate) of rows; null without actuals. */
export type PlanCost = {
  readonly rows: number;
  readonly bytes: number;
  readonly ms: number;
  readonly usd: number;
  readonly qError: number | null;
};
