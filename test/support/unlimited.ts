import type { Connector } from '../../src/connectors/connector.ts';
import { createAdmission } from '../../src/execute/admission.ts';
import type { QuestionAnswers } from '../../src/execute/answer-cache.ts';
import { createAnswerCache } from '../../src/execute/answer-cache.ts';
import type { Meter } from '../../src/execute/meter.ts';
import { createMeter } from '../../src/execute/meter.ts';
import type { PlanRunner } from '../../src/execute/run-plan.ts';
import { runAsk } from '../../src/execute/run-plan.ts';
import { createSharedRuns } from '../../src/execute/shared-runs.ts';
import { TENANT } from './arbitraries.ts';

/** Bounds nothing and counts for nobody. */
export function unlimited(): Meter {
  return createMeter(
    () => [],
    () => undefined,
  );
}

export const noAnswers: QuestionAnswers = createAnswerCache(0).forQuestion(TENANT);

/** Runs plans without limits, keeps no answers, and tells nobody. */
export function unlimitedRunner(...connectors: readonly Connector[]): PlanRunner {
  const runner = {
    stores: new Map(connectors.map((connector) => [connector.store, connector])),
    admission: createAdmission(),
    meter: unlimited(),
    observe: () => undefined,
  };
  const shared = createSharedRuns((ask, limits) => runAsk(ask, runner, limits));
  return { ...runner, answers: noAnswers, shared };
}
