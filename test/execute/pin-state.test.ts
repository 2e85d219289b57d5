import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createStateStore } from '../../src/execute/pin-state.ts';
import type { Deployment } from '../support/deployment.ts';
import { openTestDeployment, tenant } from '../support/deployment.ts';
import { focusRow } from '../support/focus-file.ts';

const acme = tenant('acme');

describe('a pinned state', () => {
  let deployment: Deployment;
  beforeAll(async () => {
    deployment = await openTestDeployment();
    await deployment.load(acme, 'aws', [focusRow({})]);
  });
  afterAll(() => deployment[Symbol.asyncDispose]());

  it('is one object for all who pin at the same time, after a load as well: plans and scans are shared by it', async () => {
    const { newest } = createStateStore(deployment.control, deployment.lake);
    const pinAll = async () => new Set(await Promise.all([1, 2, 3].map(() => newest(acme))));
    const [first, ...others] = await pinAll();
    expect(others).toEqual([]);
    await deployment.load(acme, 'gcp', [focusRow({})]);
    const [second, ...more] = await pinAll();
    expect(more).toEqual([]);
    expect([first?.batches.length, second?.batches.length]).toEqual([1, 2]);
    expect(await newest(acme)).toBe(second);
  });
});
