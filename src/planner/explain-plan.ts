import type { TenantState } from '../catalog/tenant-state.ts';
import { estimateRows } from './estimate.ts';
import { digest } from '../core/digest.ts';
import type { ExplainedNode, Explanation, PlanCost, RuleTrace } from './explain.ts';
import { usedStatistics } from './explain-statistics.ts';
import { detailOf, formatPlan, operatorOf } from './format-plan.ts';
import { formatPredicate } from './predicate.ts';
import type { Ask, Estimate, FileSelection, Kept, Plan, Pruning } from './plan.ts';
import { asksOf, children } from './plan-tree.ts';
import { shapeOf } from './plan-shape.ts';
import type { QueryPlan } from './plan-query.ts';
import type { RuleRun } from './rewrite.ts';
import { scanFiles } from './pushed-to-physical.ts';

/** What an Ask sends, and what came back where it was run. */
export type AskReport = {
  readonly statement: string;
  readonly rows: number | null;
  readonly ms: number | null;
};

/** A plan as engineers read it. Pure: statements and actuals come in by Ask. */
export function explainPlan(
  plan: QueryPlan,
  state: TenantState,
  reportOf: (ask: Ask) => AskReport,
  measured: { readonly planningMs: number; readonly totalMs: number | null },
): Explanation {
  const shown = new Set<Ask>();
  const nodes = plan.parts.flatMap((part) =>
    explainNodes(part.plan, `${part.name}`, null, { state, reportOf, shown }, 'SERVER'),
  );
  const asks = [...new Set(plan.parts.flatMap((part) => asksOf(part.plan)))];
  const estimate = asks.map((ask) => ask.estimate).reduce(addEstimates, noCost);
  const actual = actualOf(asks, reportOf, estimate, measured.totalMs);
  return {
    fingerprint: fingerprintOf(plan),
    text: textOf(plan),
    mermaid: mermaidOf(nodes),
    nodes,
    rules: plan.rules.map(traceOf),
    candidates: plan.candidates().map((way) => ({ ...way, estimate: { ...way.estimate, qError: null } })),
    pruning: [...asks.map(pruningOf), ...plan.unread].reduce(addPruning, noPruning),
    estimate: { ...estimate, qError: null },
    actual,
    planningMs: measured.planningMs,
    cache: cacheUseOf(asks.length, plan.parts.flatMap((part) => keptOf(part.plan)).length),
    planCached: plan.isCached,
  };
}

function textOf({ parts }: QueryPlan): string {
  const shown = new Set<Ask>();
  return parts.map(({ name, plan }) => `${name}:\n${formatPlan(plan, 1, shown)}`).join('\n');
}

function actualOf(
  asks: readonly Ask[],
  reportOf: (ask: Ask) => AskReport,
  estimate: Estimate,
  totalMs: number | null,
): PlanCost | null {
  if (totalMs === null) return null;
  const rows = asks.reduce((sum, ask) => sum + (reportOf(ask).rows ?? 0), 0);
  const usd = estimate.ms === 0 ? 0 : (estimate.usd / estimate.ms) * totalMs;
  return { rows, bytes: estimate.bytes, ms: totalMs, usd, qError: qError(estimate.rows, rows) };
}

/** max(estimate/actual, actual/estimate), at least one row on either side. */
export function qError(estimate: number, actual: number): number {
  const [a, b] = [Math.max(1, estimate), Math.max(1, actual)];
  return Math.max(a / b, b / a);
}

/**
 * The same for questions that differ only in literals: of the logical plans, because rules and files follow the
 * literals.
 */
export function fingerprintOf({ logical }: QueryPlan): string {
  return digest(Object.entries(logical).map(([name, plan]) => [name, plan && shapeOf(plan)]));
}

function traceOf({ before, after, ...run }: RuleRun): RuleTrace {
  return { ...run, before: before && formatPlan(before), after: after && formatPlan(after) };
}

function explainNodes(
  plan: Plan,
  id: string,
  parent: string | null,
  known: {
    readonly state: TenantState;
    readonly reportOf: (ask: Ask) => AskReport;
    /** What is shared stands once, below the first that shares it. */
    readonly shown: Set<Ask>;
  },
  store: string,
): ExplainedNode[] {
  const ask = plan.kind === 'Ask' ? plan : null;
  const report = ask && known.reportOf(ask);
  // What a store does is paid at its Ask; the server's part costs next to nothing.
  const estimate = ask?.estimate ?? { ...noCost, rows: Math.round(estimateRows(plan, known.state)) };
  const scan = plan.kind === 'Scan' ? plan : null;
  const ran = report !== null && report.rows !== null && report.ms !== null;
  const node: ExplainedNode = {
    id,
    parent,
    operator: operatorOf(plan),
    detail: detailOf(plan),
    store: ask?.store ?? (plan.kind === 'Kept' ? 'CACHE' : store),
    statement: report?.statement ?? null,
    from: scan?.range.from ?? null,
    to: scan?.range.to ?? null,
    pin: pinOf(plan),
    pushed: ask ? pushedOf(ask.fragment) : [],
    residual: [],
    pruning: ask ? pruningOf(ask) : (filesOf(plan)?.pruning ?? null),
    statistics: usedStatistics(plan, known.state),
    estimate: { ...estimate, qError: null },
    actual: ran
      ? {
          rows: report.rows,
          bytes: estimate.bytes,
          ms: report.ms,
          usd: costOf(estimate, report.ms),
          qError: qError(estimate.rows, report.rows),
        }
      : null,
  };
  if (ask) known.shown.add(ask);
  const isShown = (child: Plan) => child.kind === 'Ask' && known.shown.has(child);
  const below = children(plan).flatMap((child, i) =>
    isShown(child) ? [] : explainNodes(child, `${id}.${i}`, id, known, node.store),
  );
  return [node, ...below];
}

/** What is read at which state: the same pins give the same rows. */
function pinOf(plan: Plan): string | null {
  if (plan.kind === 'Attribute') return `rules ${plan.rules.version}`;
  const files = filesOf(plan);
  if (files === null) return null;
  const snapshot = `snapshot ${files.snapshot}`;
  if (plan.kind !== 'Telemetry') return snapshot;
  const { loads } = plan.selection;
  return `${snapshot}, ${loads.length} loads${loads.length > 0 ? ` to ${loads.at(-1)}` : ''}`;
}

function filesOf(plan: Plan): FileSelection | null {
  return plan.kind === 'Scan' ? plan.files : plan.kind === 'Telemetry' ? plan.selection.files : null;
}

function keptOf(plan: Plan): Kept[] {
  return plan.kind === 'Kept' ? [plan] : children(plan).flatMap(keptOf);
}

function cacheUseOf(asks: number, kept: number): Explanation['cache'] {
  return { hit: kept > 0 && asks === 0, partsFromCache: kept, partsTotal: asks + kept };
}

function costOf(estimate: Estimate, ms: number): number {
  return estimate.ms === 0 ? 0 : (estimate.usd / estimate.ms) * ms;
}

/** What a store does instead of the server, in words. */
function pushedOf(fragment: Plan): string[] {
  const own =
    fragment.kind === 'Filter'
      ? [formatPredicate(fragment.predicate)]
      : fragment.kind === 'Scan'
        ? []
        : [operatorOf(fragment)];
  return [...own, ...children(fragment).flatMap(pushedOf)];
}

const noPruning: Pruning = { filesTotal: 0, filesRead: 0, bytesTotal: 0, bytesRead: 0, skipped: [] };

function pruningOf(ask: Ask): Pruning {
  const selections = [...scanFiles(ask.fragment), ...Object.values(ask.dictionaries)];
  return selections.map((selection) => selection.pruning).reduce(addPruning, noPruning);
}

function addPruning(a: Pruning, b: Pruning): Pruning {
  const skipped = new Map(a.skipped.map((entry) => [entry.reason, entry]));
  for (const { reason, files, bytes } of b.skipped) {
    const entry = skipped.get(reason);
    skipped.set(reason, { reason, files: files + (entry?.files ?? 0), bytes: bytes + (entry?.bytes ?? 0) });
  }
  return {
    filesTotal: a.filesTotal + b.filesTotal,
    filesRead: a.filesRead + b.filesRead,
    bytesTotal: a.bytesTotal + b.bytesTotal,
    bytesRead: a.bytesRead + b.bytesRead,
    skipped: [...skipped.values()],
  };
}

const noCost: Estimate = { rows: 0, bytes: 0, ms: 0, usd: 0 };

function addEstimates(a: Estimate, b: Estimate): Estimate {
  return { rows: a.rows + b.rows, bytes: a.bytes + b.bytes, ms: a.ms + b.ms, usd: a.usd + b.usd };
}

const LABEL_MAX = 120;

function mermaidOf(nodes: readonly ExplainedNode[]): string {
  const name = (id: string) => `n_${id.replaceAll('.', '_')}`;
  const boxes = nodes.map(
    (node) => `  ${name(node.id)}["${mermaidText(`${node.operator} ${node.detail}`)}"]`,
  );
  const arrows = nodes.flatMap((node) =>
    node.parent === null ? [] : [`  ${name(node.id)} --> ${name(node.parent)}`],
  );
  return ['flowchart BT', ...boxes, ...arrows].join('\n');
}

/** Mermaid reads quotes, brackets and markup in labels: they are written as entities. */
function mermaidText(text: string): string {
  const cut = text.length > LABEL_MAX ? `${text.slice(0, LABEL_MAX)}…` : text;
  return cut.replaceAll(/[^\p{L}\p{N} .,:/*=+_-]/gu, (character) => `#${character.codePointAt(0) ?? 0};`);
}
