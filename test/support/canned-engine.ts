/** An engine that binds as the real one does and answers with rows that the test wrote: for what the schema makes of answers. */
import { createCursors } from '../../src/execute/cursor.ts';
import type {
  Answer,
  BoundQuery,
  CostEngine,
  DrillDownQuery,
  ParentRow,
  RunOptions,
  WantedInput,
} from '../../src/execute/engine.ts';
import { costError } from '../../src/core/errors.ts';
import { providerDimensions, tagDimension } from '../../src/catalog/dimensions.ts';
import { bindFilter } from '../../src/planner/bind/bind-filter.ts';
import { bindQuery, keyChecker } from '../../src/planner/bind/bind-query.ts';
import type { CostQuery } from '../../src/planner/cost-query.ts';
import { REMAINDER, TIME } from '../../src/planner/plan.ts';
import { digest } from '../../src/core/digest.ts';

type Value = bigint | string | null;
export type CannedRow = {
  readonly keys: Readonly<Record<string, string | null>>;
  readonly bucket?: number;
  readonly isRemainder?: boolean;
  /** By name of the measure, as in `sum(effective_cost)`. */
  readonly measures: Readonly<Record<string, Value>>;
};
export type Canned = {
  readonly rows: readonly CannedRow[];
  readonly totals: Readonly<Record<string, Value>>;
  readonly currency?: string | null;
  /** Of each parent of a drill-down; the test's rows without it. */
  readonly drillDown?: (
    parents: readonly ParentRow[],
    path: readonly DrillDownQuery[],
  ) => readonly CannedRow[];
  /** Thrown instead of an answer. */
  readonly error?: Error;
};

/** What was asked of the engine, in order. */
export type Asked = {
  readonly bind: { readonly query: CostQuery; readonly wanted: WantedInput; readonly tenant: string }[];
  readonly answer: BoundQuery[];
  readonly drillDown: {
    readonly path: readonly DrillDownQuery[];
    readonly wanted: WantedInput;
    readonly parents: readonly (readonly ParentRow[])[];
  }[];
  readonly explain: boolean[];
  /** Of every call that runs or plans. */
  readonly options: RunOptions[];
};

export const CANNED_TAGS = ['Application', 'Environment'];

export function cannedEngine(canned: Canned): { engine: CostEngine; asked: Asked } {
  const asked: Asked = { bind: [], answer: [], drillDown: [], explain: [], options: [] };
  const own = { tagKeys: new Set(CANNED_TAGS), ruled: new Map() };
  const wantedOf = new WeakMap<BoundQuery, WantedInput>();
  const engine: CostEngine = {
    loadTelemetry: async (_tenant, _stream, rows) => ({ accepted: rows.length, replaced: 0, bad: [] }),
    cursors: createCursors(Buffer.from('a key of the tests')),
    bind: async (tenant, query, wanted, now) => {
      asked.bind.push({ query, wanted, tenant });
      const { question } = bindQuery(tenant, query, own, now);
      if (query.knowledge.close) {
        throw costError('UNKNOWN_CLOSE', { name: query.knowledge.close, near: [] });
      }
      const bound = {
        question: { ...question, wanted: { rows: null, totals: null, excluded: null } },
        version: query.knowledge.version ?? `v-${digest([tenant, question.period]).slice(0, 6)}`,
        warnings: [],
        predicateOf: (where) => bindFilter(where, keyChecker(own)),
        query,
        // The canned answer reads no state.
        state: undefined as unknown as BoundQuery['state'],
        conserved: wanted.conservation,
        streams: { rows: [], totals: [] },
        currencies: [],
      } satisfies BoundQuery;
      wantedOf.set(bound, wanted);
      return bound;
    },
    answer: async (bound, options) => {
      asked.answer.push(bound);
      asked.options.push(options);
      if (canned.error) throw canned.error;
      return answerOf(canned, canned.rows, wantedOf.get(bound), bound);
    },
    drillDown: async (bound, path, wanted, parents, options) => {
      asked.options.push(options);
      asked.drillDown.push({ path, wanted, parents });
      return parents.map((parent) =>
        answerOf(canned, canned.drillDown?.(parent, path) ?? canned.rows, wanted, bound),
      );
    },
    lineage: async () => ({ items: [], totalCount: 0 }),
    explain: async (_bound, analyze, options) => {
      asked.options.push(options);
      asked.explain.push(analyze);
      const cost = { rows: 1, bytes: 2, ms: 3, usd: 0.000004, qError: null };
      return {
        fingerprint: 'f',
        text: 'Ask',
        mermaid: 'flowchart',
        nodes: [],
        rules: [],
        candidates: [],
        pruning: { filesTotal: 2, filesRead: 1, bytesTotal: 20, bytesRead: 10, skipped: [] },
        estimate: cost,
        actual: analyze ? cost : null,
        planningMs: 0.5,
        cache: { hit: false, partsFromCache: 0, partsTotal: 1 },
        planCached: false,
      };
    },
    bindRestatement: async () => {
      throw costError('BAD_QUERY', { reason: 'no restatement is canned', hint: '' });
    },
    bindEffect: async () => null,
    restate: async () => ({ before: 0n, after: 0n, causes: [] }),
    restatedRows: async () => ({ rows: [], totalCount: 0 }),
    dimensions: async () =>
      [...providerDimensions, ...CANNED_TAGS.map(tagDimension)].map((dimension) => ({
        ...dimension,
        cardinality: 3,
      })),
    dimensionValues: async (_tenant, { offset, limit }, options) => {
      asked.options.push(options);
      const values = ['Amazon EC2', 'Amazon S3', null];
      return { values: values.slice(offset, offset + limit), totalCount: values.length, version: 'v1' };
    },
    rules: {
      versions: async () => [],
      text: async () => ({ source: '', lookups: [] }),
      dimensions: async () => [],
      publish: async () => ({ kind: 'refused', errors: [] }),
    },
    closes: {
      list: async () => [],
      close: async ({ name }) => {
        throw costError('CLOSE_EXISTS', { name, closedAt: 0, by: '' });
      },
    },
    sources: async () => [],
    rollups: async () => [],
    rollupAdvice: async (_tenant, days) => ({
      days,
      observedDays: 0,
      times: 0,
      isEnough: false,
      add: [],
      drop: [],
      keep: [],
      notes: [],
    }),
    freshness: async () => ({
      billedThrough: Date.UTC(2018, 10, 1),
      sealedThrough: null,
      newestEvent: null,
      complete: true,
    }),
  };
  return { engine, asked };
}

function answerOf(
  canned: Canned,
  all: readonly CannedRow[],
  wanted: WantedInput | undefined,
  bound: BoundQuery,
): Answer {
  const { rows, totals } = wanted ?? { rows: null, totals: null };
  const page = rows ? all.slice(rows.offset, rows.offset + rows.limit) : null;
  return {
    rows: page && { length: page.length, columns: columnsOf(page) },
    timeLabels: [...(bound.question.buckets?.labels ?? [])],
    totalCount: rows ? all.length : null,
    kept: null,
    warnings: [],
    totals: totals ? (name) => canned.totals[name] ?? null : null,
    currency: canned.currency === undefined ? 'USD' : canned.currency,
    conservation: new Map(),
    ms: 1,
  };
}

function columnsOf(rows: readonly CannedRow[]): Map<string, Value[]> {
  const names = new Set(rows.flatMap((row) => [...Object.keys(row.keys), ...Object.keys(row.measures)]));
  return new Map([
    ...[...names].map((name): [string, Value[]] => [
      name,
      rows.map((row) => row.keys[name] ?? row.measures[name] ?? null),
    ]),
    ...(rows.some((row) => row.bucket !== undefined)
      ? [[TIME, rows.map((row) => BigInt(row.bucket ?? 0))] as [string, Value[]]]
      : []),
    [REMAINDER, rows.map((row) => (row.isRemainder ? 1n : 0n))],
  ]);
}
