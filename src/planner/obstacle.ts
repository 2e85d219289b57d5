import type { Capabilities } from './capabilities.ts';
import type { Ask, Keep, Kept, OneSet, Plan } from './plan.ts';
import { children } from './plan-tree.ts';
import type { Predicate, ValueTest } from './predicate.ts';
import { formatPredicate } from './predicate.ts';

/** Why a store cannot answer a fragment exactly; null when it can. */
export function obstacleOf(plan: Plan, capabilities: Capabilities): string | null {
  if (isOfServer(plan) || !capabilities.nodes[plan.kind]) return `does no ${plan.kind}`;
  const own = ownObstacle(plan, capabilities);
  if (own !== null) return own;
  for (const child of children(plan)) {
    const below = obstacleOf(child, capabilities);
    if (below !== null) return below;
  }
  return null;
}

function isOfServer(plan: Plan): plan is Ask | OneSet | Keep | Kept {
  return plan.kind === 'Ask' || plan.kind === 'OneSet' || plan.kind === 'Keep' || plan.kind === 'Kept';
}

function ownObstacle(plan: Plan, capabilities: Capabilities): string | null {
  if (plan.kind === 'Filter') return filterObstacle(plan.predicate, capabilities);
  if (plan.kind === 'Bucket' && plan.timing === 'PRORATED' && !capabilities.prorate)
    return 'does not prorate';
  if (plan.kind !== 'Aggregate' && plan.kind !== 'GroupingSets') return null;
  const unable = plan.measures.find((measure) => capabilities.aggregate[measure.fn] === 'none');
  if (unable) return `cannot compute ${unable.name}`;
  for (const { where } of plan.measures) {
    const obstacle = filterObstacle(where, capabilities);
    if (obstacle !== null) return obstacle;
  }
  return null;
}

function filterObstacle(predicate: Predicate, capabilities: Capabilities): string | null {
  switch (predicate.kind) {
    case 'true':
    case 'false':
      return null;
    case 'not':
      return filterObstacle(predicate.part, capabilities);
    case 'and':
    case 'or':
      return (
        predicate.parts.map((part) => filterObstacle(part, capabilities)).find((each) => each !== null) ??
        null
      );
    default: {
      const { filter } = capabilities;
      const test: ValueTest = predicate.kind === 'member' ? predicate.test.test : predicate.test;
      const fold = 'ignoreCase' in test && test.ignoreCase ? filter.ignoreCase : 'exact';
      const member = predicate.kind === 'member' ? filter.member : 'exact';
      const exact = filter[test.op] === 'exact' && fold === 'exact' && member === 'exact';
      return exact ? null : `cannot filter ${formatPredicate(predicate)} exactly`;
    }
  }
}
