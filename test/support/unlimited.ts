import type { Meter } from '../../src/execute/meter.ts';
import { createMeter } from '../../src/execute/meter.ts';

/** Bounds nothing and counts for nobody. */
export function unlimited(): Meter {
  return createMeter(
    () => [],
    () => undefined,
  );
}
