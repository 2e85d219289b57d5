/**
 * Plans by their shape: for questions that differ only in the values of their filters (and in having, top and page),
 * sources are chosen and work is pushed down once. Neither looks at such a value but to estimate, so what they made of
 * one question answers every other of its shape. Of the files of its time those that values exclude are left out for
 * each anew, but where all values are the same too.
 */
import { digest, digestText } from '../core/digest.ts';
import type { FilesOfScan, ScanFiles } from './choose-files.ts';
import { shapeOf } from './plan-shape.ts';
import type { LogicalPlan, PhysicalPlan, Plan, Pruning, Scan } from './plan.ts';
import { children, mapChildren } from './plan-tree.ts';
import type { Predicate, Test } from './predicate.ts';
import { mapLeaves } from './predicate.ts';
import type { RuleRun } from './rewrite.ts';
import type { TimeBuckets } from './time-buckets.ts';

/** Shapes kept of one state of a tenant; the oldest go first. */
export const SHAPES_MAX = 500;

/** Whole plans kept of one state, and how many files one may name: a path takes a hundred bytes. */
export const PLACED_MAX = 200;
export const PLACED_FILES_MAX = 2_000;

/** Files of the time of Scans that are remembered of one state, in all: about half a kilobyte each. */
export const SCANNED_FILES_MAX = 50_000;

/** A plan whose work is pushed down, with how it was made. */
export type Pushed = {
  readonly plan: LogicalPlan;
  readonly runs: readonly RuleRun[];
  /** See QueryPlan. */
  readonly isPlain: boolean;
};

/** What became of it: with its files. */
export type Placed = { readonly plan: PhysicalPlan; readonly unread: readonly Pruning[] };

/** What is remembered of a shape. */
export type KnownShape = {
  /** What was made of another plan of the shape, with the values of this one; null where there is none. */
  readonly find: () => Known | null;
  readonly add: (pushed: Pushed) => void;
  /** What `place` gives; what it gave before, where this very plan was placed before. */
  readonly placeOnce: (place: () => Placed) => Placed;
};

export type PlanTemplates = {
  readonly shapeOf: (normalized: LogicalPlan) => KnownShape;
  /** The files of a Scan of a template: found once, whatever the values of a question. */
  readonly remembering: (filesOf: FilesOfScan) => FilesOfScan;
};

/** By the clock of the templates. */
export type Known = Pushed & { readonly madeAt: number };
type Template = { readonly tests: readonly Test[]; readonly roots: readonly Plan[]; readonly pushed: Known };

/** Of one state and one way to plan: both decide what is made of a shape. */
export function planTemplates(clock: () => number): PlanTemplates {
  const templates = new Map<string, Template>();
  const placed = new Map<string, Placed>();
  const scanned = new Map<Scan, ScanFiles>();
  let scannedCount = 0;
  return {
    shapeOf: (normalized) => {
      const shape = keyOf(normalized);
      return {
        find: () => {
          const template = templates.get(shape);
          const plan = template ? withValuesOf(normalized, template) : null;
          return template && plan ? { ...template.pushed, plan } : null;
        },
        add: ({ plan, runs, isPlain }) => {
          const tests = testsOf(normalized);
          const roots = aggregates(plan);
          const known = new Set(tests);
          // A test that a rule made of others could not be given this or that question's values.
          if (!roots.flatMap(testsOf).every((test) => known.has(test))) return;
          const pushed = { plan, runs, isPlain, madeAt: clock() };
          keep(templates, shape, { tests, roots, pushed }, SHAPES_MAX);
        },
        placeOnce: (place) => {
          const key = digest([shape, literalsOf(normalized)]);
          const before = placed.get(key);
          if (before) return before;
          const made = place();
          if (filesIn(made.plan) <= PLACED_FILES_MAX) keep(placed, key, made, PLACED_MAX);
          return made;
        },
      };
    },
    remembering: (filesOf) => (scan) => {
      const before = scanned.get(scan);
      if (before) return before;
      const found = filesOf(scan);
      const sizeOf = ({ count }: ScanFiles) => 1 + count;
      if (sizeOf(found) > SCANNED_FILES_MAX) return found;
      scanned.set(scan, found);
      scannedCount += sizeOf(found);
      for (const [oldest, files] of scanned) {
        if (scannedCount <= SCANNED_FILES_MAX) break;
        scanned.delete(oldest);
        scannedCount -= sizeOf(files);
      }
      return found;
    },
  };
}

/** The oldest make room. */
function keep<Value>(known: Map<string, Value>, key: string, value: Value, most: number): void {
  const [oldest] = known.keys();
  if (known.size >= most && oldest !== undefined) known.delete(oldest);
  known.set(key, value);
}

/** Shape and times; measures as they are, because columns are named after their conditions. */
function keyOf(normalized: LogicalPlan): string {
  return digestText(JSON.stringify([shapeOf(normalized), timesOf(normalized)]));
}

function timesOf(plan: Plan): unknown[] {
  const own =
    plan.kind === 'Scan'
      ? [plan.range]
      : plan.kind === 'Bucket'
        ? [bucketTimes(plan.buckets), plan.clip]
        : plan.kind === 'Rebucket'
          ? [bucketTimes(plan.buckets), plan.from]
          : plan.kind === 'Aggregate'
            ? [plan.measures]
            : [];
  return [...own, ...children(plan).flatMap(timesOf)];
}

function bucketTimes(buckets: TimeBuckets | null): unknown {
  return buckets && [buckets.timeZone, buckets.edges.length, buckets.edges[0]];
}

/** What makes plans of one shape different ones. */
function literalsOf(plan: Plan): unknown[] {
  const own =
    plan.kind === 'Having'
      ? [plan.tests]
      : plan.kind === 'Top'
        ? [plan.count]
        : plan.kind === 'Page'
          ? [plan.offset, plan.limit]
          : plan.kind === 'Filter'
            ? [plan.predicate]
            : [];
  return [...own, ...children(plan).flatMap(literalsOf)];
}

function filesIn(plan: Plan): number {
  const own = plan.kind === 'Scan' ? (plan.files?.files.length ?? 0) : 0;
  return children(plan).reduce((sum, child) => sum + filesIn(child), own);
}

/** The Aggregates nearest to the root: above them nothing is rewritten. */
function aggregates(plan: Plan): Plan[] {
  return plan.kind === 'Aggregate' ? [plan] : children(plan).flatMap(aggregates);
}

/**
 * What is above the Aggregates is the question's own; in them each test of the first question gives way to this one's.
 * Null where the first question had one test in two places and this one has two.
 */
function withValuesOf(normalized: LogicalPlan, { tests, roots }: Template): LogicalPlan | null {
  const replacements = new Map<Test, Test>();
  for (const [i, own] of testsOf(normalized).entries()) {
    const test = tests[i];
    if (!test || (replacements.get(test) ?? own) !== own) return null;
    replacements.set(test, own);
  }
  const replace = (plan: Plan): Plan => {
    const below = mapChildren(plan, replace);
    if (below.kind !== 'Filter') return below;
    const predicate = mapLeaves(below.predicate, (leaf) => replaced(leaf, replacements));
    return predicate === below.predicate ? below : { ...below, predicate };
  };
  const rest = [...roots];
  const fill = (plan: Plan): Plan =>
    plan.kind === 'Aggregate' ? replace(rest.shift() ?? plan) : mapChildren(plan, fill);
  return fill(normalized) as LogicalPlan; // As the template: of Scans only.
}

function replaced(leaf: Predicate, replacements: ReadonlyMap<Test, Test>): Predicate {
  if (leaf.kind === 'test') return replacements.get(leaf) ?? leaf;
  if (leaf.kind !== 'member') return leaf;
  return { ...leaf, test: replacements.get(leaf.test) ?? leaf.test };
}

/** Of all filters, in the order of the plan. */
function testsOf(plan: Plan): Test[] {
  const own: Test[] = [];
  if (plan.kind === 'Filter') {
    mapLeaves(plan.predicate, (leaf) => {
      own.push(leaf.kind === 'member' ? leaf.test : leaf);
      return leaf;
    });
  }
  return [...own, ...children(plan).flatMap(testsOf)];
}
