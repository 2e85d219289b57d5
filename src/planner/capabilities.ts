import type { Measure } from './measures.ts';
import type { Plan } from './plan.ts';
import type { ValueTest } from './predicate.ts';

/** How far a store's answer to a predicate can be trusted: `exact` drops the planner's own check, `superset` keeps it above. */
export type Exactness = 'exact' | 'superset' | 'none';

/** What a store claims to do, every field stated; test/connectors/conformance.ts holds each claim against the real store. */
export type Capabilities = {
  readonly filter: Readonly<Record<ValueTest['op'], Exactness>> & {
    readonly ignoreCase: Exactness;
    readonly member: Exactness;
  };
  readonly aggregate: Readonly<Record<Measure['fn'], 'exact' | 'estimate' | 'none'>>;
  /** Kinds of node that a fragment may hold. */
  readonly nodes: Readonly<Record<Exclude<Plan['kind'], 'Ask' | 'OneSet' | 'Keep' | 'Kept'>, boolean>>;
  readonly prorate: boolean;
};

/** What a store's work costs, from a calibration run; the planner estimates with it. */
export type Prices = {
  readonly startupMs: number;
  readonly msPerFile: number;
  readonly msPerMegabyte: number;
  readonly msPerMillionRows: number;
  /** Of rows that come out. */
  readonly msPerMillionGroups: number;
  readonly usdPerHour: number;
};
