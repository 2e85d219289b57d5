/** Ways through the algebra of plan.ts, whatever a plan is of. */
import { unreachable } from '../core/unreachable.ts';
import type { Aggregate, Ask, ColumnName, GroupingSets, Plan, Scan } from './plan.ts';
import { ITEM, ORDINAL, REMAINDER, ROW_COUNT, SET, SPLIT, STEPS, TIME, before } from './plan.ts';

export function children(plan: Plan): readonly Plan[] {
  switch (plan.kind) {
    case 'Scan':
    case 'Empty':
    case 'Kept':
    case 'Telemetry':
      return [];
    case 'Allocate':
      return plan.weights.kind === 'measured' ? [plan.input, plan.weights.plan] : [plan.input];
    case 'Lookup':
    case 'Attribute':
    case 'Rebucket':
    case 'Filter':
    case 'Bucket':
    case 'Aggregate':
    case 'GroupingSets':
    case 'Having':
    case 'Top':
    case 'Page':
    case 'Keep':
    case 'OneSet':
      return [plan.input];
    case 'Union':
      return plan.inputs;
    case 'Compare':
      return [plan.current, plan.earlier];
    case 'Ask':
      return [plan.fragment];
    default:
      return unreachable(plan);
  }
}

/** The same object when no child changed. */
export function mapChildren(plan: Plan, change: (child: Plan) => Plan): Plan {
  switch (plan.kind) {
    case 'Scan':
    case 'Empty':
    case 'Kept':
    case 'Telemetry':
      return plan;
    case 'Allocate': {
      const input = change(plan.input);
      const { weights } = plan;
      if (weights.kind === 'constant') return input === plan.input ? plan : { ...plan, input };
      const measured = change(weights.plan);
      if (input === plan.input && measured === weights.plan) return plan;
      return { ...plan, input, weights: { ...weights, plan: measured } };
    }
    case 'Lookup':
    case 'Attribute':
    case 'Rebucket':
    case 'Filter':
    case 'Bucket':
    case 'Aggregate':
    case 'GroupingSets':
    case 'Having':
    case 'Top':
    case 'Page':
    case 'Keep': {
      const input = change(plan.input);
      return input === plan.input ? plan : { ...plan, input };
    }
    case 'Union': {
      const inputs = plan.inputs.map(change);
      return inputs.every((input, i) => input === plan.inputs[i]) ? plan : { ...plan, inputs };
    }
    case 'Compare': {
      const current = change(plan.current);
      const earlier = change(plan.earlier);
      return current === plan.current && earlier === plan.earlier ? plan : { ...plan, current, earlier };
    }
    case 'OneSet': {
      const input = change(plan.input);
      if (input === plan.input) return plan;
      if (input.kind !== 'Ask') throw new Error('a set is taken out of what a store answers');
      return { ...plan, input };
    }
    case 'Ask': {
      const fragment = change(plan.fragment);
      return fragment === plan.fragment ? plan : { ...plan, fragment };
    }
    default:
      return unreachable(plan);
  }
}

/** The names of a plan's columns, in order. */
export function outputColumns(plan: Plan): readonly ColumnName[] {
  switch (plan.kind) {
    case 'Scan':
    case 'Empty':
    case 'Kept':
    case 'Keep':
    case 'OneSet':
      return plan.columns;
    case 'Lookup':
      return [...outputColumns(plan.input), ...plan.columns];
    case 'Attribute':
      return [...outputColumns(plan.input), ...plan.dimensions.map(({ key }) => key)];
    case 'Bucket':
      return [...outputColumns(plan.input), TIME];
    case 'Filter':
    case 'Having':
    case 'Rebucket':
      return outputColumns(plan.input);
    case 'Allocate':
      return [
        ...plan.items,
        ...plan.to,
        ...plan.measures.map((measure) => measure.name),
        ITEM,
        SPLIT,
        ...(plan.traced === null ? [] : [STEPS]),
      ];
    case 'Telemetry':
      return [TIME, ...plan.keys, 'units'];
    case 'Aggregate':
      return [...plan.groupBy, ...plan.measures.map((measure) => measure.name)];
    case 'GroupingSets':
      return [SET, ...new Set(plan.sets.flat()), ...plan.measures.map((measure) => measure.name)];
    case 'Union':
      return plan.inputs[0] ? outputColumns(plan.inputs[0]) : [];
    case 'Compare': {
      const names = plan.measures.map((measure) => measure.name);
      return [...plan.keys, ...names, ...names.map(before)];
    }
    case 'Top':
      return [...outputColumns(plan.input), REMAINDER];
    case 'Page':
      return [...outputColumns(plan.input), ORDINAL, ROW_COUNT];
    case 'Ask':
      return outputColumns(plan.fragment);
    default:
      return unreachable(plan);
  }
}

/** What the rows of one set are the groups of. */
export function aggregateOf({ step, sets, measures, input }: GroupingSets, set: number): Aggregate {
  return { kind: 'Aggregate', step, groupBy: sets[set] ?? [], measures, input };
}

/** The Asks of a plan, in its order. */
export function asksOf(plan: Plan): Ask[] {
  return plan.kind === 'Ask' ? [plan] : children(plan).flatMap(asksOf);
}

/** The Scans of a plan, in its order. */
export function scansOf(plan: Plan): Scan[] {
  return plan.kind === 'Scan' ? [plan] : children(plan).flatMap(scansOf);
}

export function someNode(plan: Plan, test: (node: Plan) => boolean): boolean {
  return test(plan) || children(plan).some((child) => someNode(child, test));
}
