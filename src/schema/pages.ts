import { digest } from '../core/digest.ts';
import { costError } from '../core/errors.ts';
import type { TenantId } from '../core/ids.ts';
import type { CursorCodec, DrillDownQuery } from '../execute/engine.ts';
import type { Page, TableSelection, Window } from './selection.ts';
import { COLUMNS_FIRST_MAX } from './selection.ts';

/** Makes and opens the cursors of one list. A cursor says how many entries come before the page that it starts. */
export type Cursors = {
  readonly seal: (offset: number) => string;
  /** @throws BAD_CURSOR */
  readonly open: (cursor: string) => { readonly version: string; readonly offset: number };
};

/** @param scope what the list is: cursors of another one are refused */
export function cursorsOf(codec: CursorCodec, tenant: TenantId, scope: string, version: string): Cursors {
  return {
    seal: (offset) => codec.seal(tenant, scope, version, offset),
    open: (cursor) => codec.open(tenant, scope, cursor),
  };
}

export function drillDownScope(scope: string, query: DrillDownQuery): string {
  return digest([scope, query]);
}

/** @throws BAD_PAGE where the pages lie so far apart that one stretch would hold too much */
export function coveringWindow(pages: readonly Page[], open: Cursors['open']): Window {
  const starts = pages.map((page) => offsetOf(page, open));
  const ends = pages.map((page, i) => (starts[i] ?? 0) + page.first);
  const offset = starts.length > 0 ? Math.min(...starts) : 0;
  const limit = Math.max(0, ...ends) - offset;
  if (limit > COLUMNS_FIRST_MAX) {
    const reason = `The pages of one table span ${limit} rows, the limit is ${COLUMNS_FIRST_MAX}`;
    throw costError('BAD_PAGE', { reason, hint: 'Ask for pages that lie apart in operations of their own.' });
  }
  return { offset, limit: Math.max(0, limit) };
}

export function offsetOf(
  page: { readonly after?: string | null | undefined },
  open: Cursors['open'],
): number {
  return page.after ? open(page.after).offset : 0;
}

/**
 * The version that the cursors of a table and of its drill-downs were given with; null without any.
 * @throws BAD_CURSOR where they do not agree
 */
export function versionOfCursors(
  selection: TableSelection,
  scope: string,
  open: (scope: string, cursor: string) => { readonly version: string },
): string | null {
  const versions = new Set<string>();
  const collect = ({ pages, drillDowns }: TableSelection, scope: string): void => {
    for (const { after } of pages) if (after) versions.add(open(scope, after).version);
    for (const { query, selection } of drillDowns.values()) collect(selection, drillDownScope(scope, query));
  };
  collect(selection, scope);
  if (versions.size > 1)
    throw costError('BAD_CURSOR', { reason: 'the cursors of the table differ in version' });
  const [version = null] = versions;
  return version;
}

/** A page of a list, as the connections of the schema show it. */
export type PageOf<Item> = {
  readonly items: readonly Item[];
  /** How many entries come before the page. */
  readonly offset: number;
  readonly totalCount: number;
  readonly cursors: Cursors;
};
