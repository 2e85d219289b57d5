/**
 * What Asks came to, by store and shape: counted in memory, so that no query waits for it, and added to the control plane
 * now and then and at the end. A crash loses what was counted since.
 */
import type { AskActuals, ShapeActuals } from '../catalog/ask-actuals.ts';
import { NO_ACTUALS, Q_ERRORS, addActuals } from '../catalog/ask-actuals.ts';
import type { Control } from '../catalog/control/control.ts';
import { digest } from '../core/digest.ts';
import type { Instant } from '../core/time-range.ts';
import { qError } from '../planner/explain-plan.ts';
import { shapeOf } from '../planner/plan-shape.ts';
import { createBackgroundWriter } from './background-writer.ts';
import type { AskRun } from './run-plan.ts';

/** Shapes counted between two writes; of more the one that ran longest ago is forgotten. */
export const SHAPES_COUNTED_MAX = 1_000;
export const ACTUALS_WRITTEN_EVERY_MS = 30_000;

export type ActualsLedger = AsyncDisposable & { readonly add: (run: AskRun) => void };

/** Disposed of, it adds what was counted to the control plane: before that is closed. */
export function openActualsLedger(control: Control, clock: () => Instant): ActualsLedger {
  let counted = new Map<string, ShapeActuals>();
  const writer = createBackgroundWriter(ACTUALS_WRITTEN_EVERY_MS, 'actuals.not-written', async () => {
    const shapes = [...counted.values()];
    counted = new Map();
    if (shapes.length > 0) await control.addActuals(shapes, clock());
  });
  return {
    add: (run) => {
      const one = actualsOf(run);
      const key = `${one.store} ${one.shape}`;
      const earlier = counted.get(key)?.actuals ?? NO_ACTUALS;
      counted.delete(key);
      counted.set(key, { ...one, actuals: addActuals(earlier, one.actuals) });
      const [oldest] = counted.keys();
      if (counted.size > SHAPES_COUNTED_MAX && oldest !== undefined) counted.delete(oldest);
      writer.soon();
    },
    [Symbol.asyncDispose]: () => writer[Symbol.asyncDispose](),
  };
}

function actualsOf({ ask, rows, ms }: AskRun): ShapeActuals {
  const { estimate, read } = ask;
  const error = qError(estimate.rows, rows);
  const place = Q_ERRORS.findIndex((bound) => error <= bound);
  const at = place < 0 ? Q_ERRORS.length : place;
  const actuals: AskActuals = {
    runs: 1,
    files: read.files,
    bytes: read.bytes,
    rowsRead: read.rows,
    estimatedRows: estimate.rows,
    rows,
    estimatedMs: estimate.ms,
    ms,
    qErrors: NO_ACTUALS.qErrors.map((_, i) => (i === at ? 1 : 0)),
  };
  return { store: ask.store, shape: digest(shapeOf(ask.fragment)), actuals };
}
