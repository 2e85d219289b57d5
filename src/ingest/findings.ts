import { reasonOf } from './check-data-file.ts';
import type { IngestSession, SqlRow } from './ingest-session.ts';
import { numberOf } from './ingest-session.ts';

/** Of one check. The rest is counted. */
export const NAMED_MAX = 20;

/** Something that is not as it must be. */
export type Difference = {
  /** What was compared, in words: the batch, the hour, the currency, the metric. */
  readonly at: string;
  readonly expected: string;
  readonly found: string;
};

export type Findings = {
  /** What one check found. */
  readonly add: (differences: readonly Difference[]) => void;
  /** What a query finds, a difference a row. A query that fails is a difference in `what` itself. */
  readonly addRows: (
    session: IngestSession,
    what: string,
    sql: string,
    differenceOf: (row: SqlRow) => Difference,
  ) => Promise<void>;
  readonly count: () => number;
  /** In the order of the checks, at most NAMED_MAX of each. */
  readonly named: () => readonly Difference[];
};

export function collectFindings(): Findings {
  const named: Difference[] = [];
  let count = 0;
  return {
    add: (differences) => {
      named.push(...differences.slice(0, NAMED_MAX));
      count += differences.length;
    },
    addRows: async (session, what, sql, differenceOf) => {
      try {
        const rows = await session.rows(
          `SELECT *, count(*) OVER () AS found_count FROM (${sql}) ORDER BY ALL LIMIT ${NAMED_MAX}`,
        );
        named.push(...rows.map(differenceOf));
        const [first] = rows;
        count += first === undefined ? 0 : numberOf(first, 'found_count');
      } catch (error) {
        named.push({ at: what, expected: 'rows', found: reasonOf(error) });
        count += 1;
      }
    },
    count: () => count,
    named: () => named,
  };
}
