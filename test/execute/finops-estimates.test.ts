import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { demoTenant } from '../../src/core/ids.ts';
import type { RunOptions } from '../../src/execute/engine.ts';
import { loadSample } from '../../src/ingest/sample.ts';
import type { PlanCost } from '../../src/planner/explain.ts';
import { finopsQuestions } from '../planner/finops-questions.ts';
import type { Deployment } from '../support/deployment.ts';
import { openTestDeployment } from '../support/deployment.ts';
import { costQuery } from '../support/questions.ts';

const LOADING_MS = 180_000;
const options = (): RunOptions => ({
  signal: new AbortController().signal,
  deadlineMs: 60_000,
  startedAt: Infinity,
  forceStore: null,
  noCache: true,
  rulesOff: new Set(),
});

let deployment: Deployment;
beforeAll(async () => {
  deployment = await openTestDeployment();
  await loadSample(deployment.context, () => () => undefined);
}, LOADING_MS);
afterAll(() => deployment[Symbol.asyncDispose]());

type Guess = { readonly name: string; readonly rows: string; readonly qError: number };

/** Estimated and real rows out of the stores, of a question over the real bills. */
async function guess(name: string): Promise<Guess> {
  const wanted = {
    rows: { metrics: ['EFFECTIVE_COST' as const], amounts: [], distinct: [], offset: 0, limit: 100 },
    totals: { metrics: ['EFFECTIVE_COST' as const], amounts: [], distinct: [] },
    conservation: [],
  };
  const query = costQuery(finopsQuestions[name]);
  const bound = await deployment.engine.bind(demoTenant, query, wanted, Date.now());
  const { estimate, actual } = await deployment.engine.explain(bound, true, options());
  return { name, rows: `${estimate.rows} of ${actual?.rows}`, qError: qErrorOf(actual) };
}

function qErrorOf(actual: PlanCost | null): number {
  return actual?.qError ?? NaN;
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.ceil(sorted.length * part) - 1] ?? NaN;
}

describe('estimates of rows for FinOps questions over real bills', () => {
  it(
    'are near: half within 1.5 times, 95 % within 4 times',
    async () => {
      const guesses: Guess[] = [];
      for (const name of Object.keys(finopsQuestions)) guesses.push(await guess(name));
      const errors = guesses.map(({ qError }) => qError).sort((a, b) => a - b);
      const worst = guesses.toSorted((a, b) => b.qError - a.qError).slice(0, 10);
      const shown = worst.map((each) => `${each.qError.toFixed(2)} ${each.name}: ${each.rows}`).join('\n');
      expect(quantile(errors, 0.5), shown).toBeLessThanOrEqual(1.5);
      expect(quantile(errors, 0.95), shown).toBeLessThanOrEqual(4);
    },
    LOADING_MS,
  );
});
