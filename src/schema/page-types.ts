import { builder } from './builder.ts';
import type { PageOf } from './pages.ts';

/** What a page shows of its place in the list, without its items. */
export type Edges = Pick<PageOf<unknown>, 'offset' | 'totalCount' | 'cursors'> & { readonly length: number };

export const PageInfo = builder.objectRef<Edges>('PageInfo').implement({
  fields: (t) => ({
    hasNextPage: t.boolean({ resolve: ({ offset, length, totalCount }) => offset + length < totalCount }),
    hasPreviousPage: t.boolean({ resolve: ({ offset }) => offset > 0 }),
    startCursor: t.string({
      nullable: true,
      resolve: ({ offset, length, cursors }) => (length === 0 ? null : cursors.seal(offset + 1)),
    }),
    endCursor: t.string({
      nullable: true,
      resolve: ({ offset, length, cursors }) => (length === 0 ? null : cursors.seal(offset + length)),
    }),
  }),
});

export function pageInfoOf({ items, ...rest }: PageOf<unknown>): Edges {
  return { ...rest, length: items.length };
}
