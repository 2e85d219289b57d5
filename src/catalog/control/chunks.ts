/** Items of one statement: times the columns of a row, well below the 32,766 parameters that SQLite takes. */
const STATEMENT_ITEMS_MAX = 500;

export function* chunks<T>(items: readonly T[]): Generator<T[]> {
  for (let i = 0; i < items.length; i += STATEMENT_ITEMS_MAX) yield items.slice(i, i + STATEMENT_ITEMS_MAX);
}
