/** What Asks of one shape came to in one store, summed up: how they were estimated and what they took. No values, no tenant. */
export type AskActuals = {
  readonly runs: number;
  readonly files: number;
  readonly bytes: number;
  readonly rowsRead: number;
  readonly estimatedRows: number;
  readonly rows: number;
  readonly estimatedMs: number;
  readonly ms: number;
  /** Runs by the q-error of their rows: up to each of Q_ERRORS, and beyond the last. */
  readonly qErrors: readonly number[];
};

export const Q_ERRORS = [1.1, 1.5, 2, 4, 10, 100] as const;

export const NO_ACTUALS: AskActuals = {
  runs: 0,
  files: 0,
  bytes: 0,
  rowsRead: 0,
  estimatedRows: 0,
  rows: 0,
  estimatedMs: 0,
  ms: 0,
  qErrors: [...Q_ERRORS, Infinity].map(() => 0),
};

/** `shape` is a digest: the same for Asks that differ only in values, times and files. */
export type ShapeActuals = { readonly store: string; readonly shape: string; readonly actuals: AskActuals };

export function addActuals(a: AskActuals, b: AskActuals): AskActuals {
  return {
    runs: a.runs + b.runs,
    files: a.files + b.files,
    bytes: a.bytes + b.bytes,
    rowsRead: a.rowsRead + b.rowsRead,
    estimatedRows: a.estimatedRows + b.estimatedRows,
    rows: a.rows + b.rows,
    estimatedMs: a.estimatedMs + b.estimatedMs,
    ms: a.ms + b.ms,
    qErrors: a.qErrors.map((count, i) => count + (b.qErrors[i] ?? 0)),
  };
}

/** The q-error that such a part of the runs stays within; Infinity beyond the last bound. */
export function qErrorAt({ runs, qErrors }: AskActuals, part: number): number {
  let seen = 0;
  for (const [i, count] of qErrors.entries()) {
    seen += count;
    if (seen >= runs * part) return Q_ERRORS[i] ?? Infinity;
  }
  return Infinity;
}
