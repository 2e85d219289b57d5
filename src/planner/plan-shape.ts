import { compareText } from '../core/code-point-order.ts';
import type { Plan } from './plan.ts';
import { children } from './plan-tree.ts';
import type { Predicate, ValueTest } from './predicate.ts';

/**
 * A plan without its literals: the same for questions that differ only in values, bounds, batches, page and files.
 * Plain data, for digests.
 */
export function shapeOf(plan: Plan): unknown {
  return [ownShape(plan), ...children(plan).map(shapeOf)];
}

function ownShape(plan: Plan): unknown {
  switch (plan.kind) {
    case 'Scan':
      return [
        plan.kind,
        plan.rollup?.id ?? null,
        plan.axis,
        plan.within,
        plan.batches !== null,
        plan.columns,
      ];
    case 'Lookup':
      return [plan.kind, plan.dictionary, plan.columns];
    case 'Attribute':
      return [plan.kind, plan.rules, plan.dimensions.map(({ key }) => key)];
    case 'Allocate':
      return [plan.kind, plan.split, plan.pool, plan.items, plan.weights.kind, plan.traced];
    case 'Telemetry':
      return [plan.kind, plan.stream, plan.keys, plan.grain, plan.range];
    case 'Rebucket':
      return [plan.kind, plan.buckets?.granularity ?? null];
    case 'Filter':
      return [plan.kind, predicateShape(plan.predicate)];
    case 'Bucket':
      return [plan.kind, plan.timing, plan.buckets?.granularity ?? null];
    case 'Aggregate':
      return [
        plan.kind,
        plan.step,
        plan.groupBy,
        plan.measures.map((each) => [each.fn, each.column, predicateShape(each.where)]),
      ];
    case 'GroupingSets':
      return [
        plan.kind,
        plan.step,
        plan.sets,
        plan.measures.map((each) => [each.fn, each.column, predicateShape(each.where)]),
      ];
    case 'Compare':
      return [plan.kind, plan.keys];
    case 'Having':
      return [plan.kind, plan.tests.map((test) => [test.metric, test.op])];
    case 'Top':
      return [plan.kind, plan.by, plan.metric, plan.remainder];
    case 'Page':
      return [plan.kind, plan.sort];
    case 'Ask':
      return [plan.kind, plan.store];
    default:
      return [plan.kind];
  }
}

function predicateShape(predicate: Predicate): unknown {
  switch (predicate.kind) {
    case 'and':
    case 'or':
      return [predicate.kind, sorted(predicate.parts.map(predicateShape))];
    case 'not':
      return [predicate.kind, predicateShape(predicate.part)];
    case 'member':
      return [predicate.kind, predicateShape(predicate.test)];
    case 'test':
      return [predicate.kind, predicate.key, testShape(predicate.test), predicate.orNull];
    default:
      return [predicate.kind];
  }
}

/** Literals order the parts of normal forms. */
function sorted(shapes: readonly unknown[]): unknown[] {
  return shapes
    .map((shape) => ({ shape, text: JSON.stringify(shape) }))
    .sort((a, b) => compareText(a.text, b.text))
    .map(({ shape }) => shape);
}

function testShape(test: ValueTest): unknown {
  return 'ignoreCase' in test ? [test.op, test.ignoreCase] : [test.op];
}
