/**
 * `row.costs` of all rows of a table, and of all tables at the same depth, as one planned query: each level
 * below a root table has one loader per distinct drill-down.
 */
import DataLoader from 'dataloader';

import type { CostError } from '../core/errors.ts';
import { costError, isCostError } from '../core/errors.ts';
import type { Answer, BoundQuery, DrillDownQuery } from '../execute/engine.ts';
import type { Context } from './context.ts';
import { cursorsOf, coveringWindow, drillDownScope } from './pages.ts';
import { runOptions } from './run-options.ts';
import type { DrillDown } from './selection.ts';
import { toWanted } from './selection.ts';
import type { RowModel, View } from './view.ts';
import { isMixedRow, parentRowOf } from './view.ts';

/** Of all drill-downs of an operation: what pages of pages come to is known only when they are answered. */
export const DRILL_DOWN_ROWS_MAX = 100_000;

export type LoadDrillDown = (row: RowModel, drillDown: DrillDown) => Promise<View>;

/** What all tables of one depth have in common. */
type Level = {
  readonly context: Context;
  readonly bound: BoundQuery;
  readonly limitMs: number;
  /** Of the tables whose rows are drilled into. */
  readonly scope: string;
  /** The drill-downs that lead to them, from the root inwards. */
  readonly path: readonly DrillDownQuery[];
};

export function createLoadDrillDown(level: Level): LoadDrillDown {
  const loaders = new Map<DrillDown, DataLoader<RowModel, View>>();
  return (row, drillDown) => {
    const loader =
      loaders.get(drillDown) ??
      new DataLoader<RowModel, View>((rows) => loadViews(level, rows, drillDown), {
        maxBatchSize: Number.POSITIVE_INFINITY,
      });
    loaders.set(drillDown, loader);
    return loader.load(row);
  };
}

async function loadViews(
  { context, bound, limitMs, scope, path }: Level,
  rows: readonly RowModel[],
  { query, selection }: DrillDown,
): Promise<(View | CostError)[]> {
  const innerScope = drillDownScope(scope, query);
  const innerPath = [...path, query];
  const { engine, principal } = context;
  const cursors = cursorsOf(engine.cursors, principal.tenant, innerScope, bound.version);
  const window = coveringWindow(selection.pages, cursors.open);
  const parents = rows.map((row) => [...row.place.view.parents, parentRowOf(row)]);
  const options = runOptions(context, limitMs);
  const wanted = toWanted(selection, window);
  const answers = await engine.drillDown(bound, innerPath, wanted, parents, options);
  countRows(context, answers);
  const loadDrillDown = createLoadDrillDown({
    context,
    bound,
    limitMs,
    scope: innerScope,
    path: innerPath,
  });
  const view = (answer: Answer, i: number): View => ({
    isMixed: isMixedModel(rows[i]),
    groupBy: query.groupBy,
    rankedBy: query.top?.by ?? query.groupBy,
    isCompared: bound.question.compare !== null,
    selection,
    window,
    cursors,
    predicateOf: bound.predicateOf,
    answer,
    parents: parents[i] ?? [],
    loadDrillDown,
    lineageOf: null,
    columns: new Map(),
  });
  return answers.map((answer, i) => (isCostError(answer) ? answer : view(answer, i)));
}

/** What a row mixes, the rows inside it mix. */
function isMixedModel(row: RowModel | undefined): boolean {
  return row !== undefined && isMixedRow(row.place.view, row.isRemainder);
}

/** @throws TOO_LARGE */
function countRows({ drillDowns }: Context, answers: readonly (Answer | CostError)[]): void {
  for (const answer of answers) drillDowns.rows += isCostError(answer) ? 0 : (answer.rows?.length ?? 0);
  if (drillDowns.rows <= DRILL_DOWN_ROWS_MAX) return;
  throw costError('TOO_LARGE', {
    what: 'Rows of the drill-downs',
    actual: drillDowns.rows,
    limit: DRILL_DOWN_ROWS_MAX,
  });
}
