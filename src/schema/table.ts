/** From a `costs` field of the root to a bound question, and from that, where it is needed, to its answer. */
import type { FieldNode } from 'graphql';

import { digest } from '../core/digest.ts';
import { costError } from '../core/errors.ts';
import type { BoundQuery } from '../execute/engine.ts';
import type { CostQuery } from '../planner/cost-query.ts';
import type { Selecting } from './collect-fields.ts';
import type { Context } from './context.ts';
import { createLoadDrillDown } from './drill-down.ts';
import type { CostQueryArgument } from './inputs.ts';
import { coveringWindow, cursorsOf, versionOfCursors } from './pages.ts';
import { limitOf, runOptions } from './run-options.ts';
import type { TableSelection, Window } from './selection.ts';
import { selectTable, toWanted } from './selection.ts';
import type { View } from './view.ts';

/** A root table: checked and pinned, not run. */
export type TableBinding = {
  readonly bound: BoundQuery;
  readonly query: CostQuery;
  readonly selection: TableSelection;
  readonly window: Window;
  /** What cursors of the table belong to. */
  readonly scope: string;
  readonly limitMs: number;
};

/** A table as the schema shows it. */
export type TableModel = TableBinding & {
  /** Null where nothing that is selected needs an answer. */
  readonly view: View | null;
};

/** Binds the table of a root `costs` field, once per operation. */
export function bindTable(
  context: Context,
  selecting: Selecting,
  responseKey: string,
  nodes: readonly FieldNode[],
  argument: CostQueryArgument,
): Promise<TableBinding> {
  const known = context.bindings.get(responseKey) ?? bind(context, selecting, nodes, argument);
  context.bindings.set(responseKey, known);
  return known;
}

async function bind(
  context: Context,
  selecting: Selecting,
  nodes: readonly FieldNode[],
  argument: CostQueryArgument,
): Promise<TableBinding> {
  const { engine, principal, now } = context;
  const limitMs = limitOf(context, argument.deadline);
  const asked = toCostQuery(argument);
  const scope = scopeOf(argument);
  const selection = selectTable(selecting, 'CostTable', nodes);
  const open = (scope: string, cursor: string) => engine.cursors.open(principal.tenant, scope, cursor);
  const version = versionOfCursors(selection, scope, open);
  const query = version === null ? asked : atVersion(asked, version);
  const window = coveringWindow(selection.pages, (cursor) => open(scope, cursor));
  const bound = await engine.bind(principal.tenant, query, toWanted(selection, window), now);
  return { bound, query, selection, window, scope, limitMs };
}

/**
 * Answers what is selected of the table: if that fails, all of it fails, with one error. It waits until its siblings are
 * bound, so that the engine is asked for all of them at once, and they can share scans.
 */
export async function answerTable(context: Context, binding: TableBinding): Promise<TableModel> {
  await Promise.allSettled(context.bindings.values());
  return { ...binding, view: binding.selection.runs ? await viewOf(context, binding) : null };
}

async function viewOf(context: Context, binding: TableBinding): Promise<View> {
  const { bound, query, selection, window, scope, limitMs } = binding;
  const { engine, principal } = context;
  const answer = await engine.answer(bound, runOptions(context, limitMs));
  return {
    groupBy: query.groupBy,
    rankedBy: query.top?.by ?? query.groupBy,
    isCompared: query.compare !== null,
    isMixed: answer.currency === null,
    selection,
    window,
    cursors: cursorsOf(engine.cursors, principal.tenant, scope, bound.version),
    predicateOf: bound.predicateOf,
    answer,
    parents: [],
    loadDrillDown: createLoadDrillDown({ context, bound, limitMs, scope, path: [] }),
    lineageOf: { bound, scope, limitMs },
    columns: new Map(),
  };
}

/**
 * Without events there is one basis; no store can be left out, so a partial answer is a whole one. Both are taken and
 * change nothing yet.
 */
export function toCostQuery(argument: CostQueryArgument): CostQuery {
  const { basis: _basis, onUnavailable: _onUnavailable, deadline: _deadline, ...query } = argument;
  return {
    ...query,
    filter: query.filter ?? null,
    top: query.top ? { ...query.top, by: query.top.by ?? null } : null,
    currency: query.currency ?? null,
    compare: query.compare ?? null,
  };
}

/** How long it may take, and a version that cursors carry anyway, do not make it another table. */
function scopeOf({ deadline: _deadline, knowledge, ...rest }: CostQueryArgument): string {
  const { version: _version, ...state } = knowledge;
  return digest({ ...rest, knowledge: state });
}

/** @throws BAD_CURSOR where another version is asked for */
function atVersion(query: CostQuery, version: string): CostQuery {
  const asked = query.knowledge.version;
  if (asked && asked !== version) {
    throw costError('BAD_CURSOR', { reason: 'it is of another version than knowledge.version' });
  }
  const { rules = null } = query.knowledge;
  return { ...query, knowledge: { version, rules } };
}
