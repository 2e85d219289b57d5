import type { Batch } from '../../../src/catalog/batch.ts';
import type { Load, PublishStep } from '../../../src/catalog/control/control.ts';
import { decimalFromUnits } from '../../../src/core/decimal.ts';
import type { SourceName, TenantId } from '../../../src/core/ids.ts';
import { batchId, sourceName, tenantId } from '../../../src/core/ids.ts';
import { DAY_MS } from '../../../src/core/time-range.ts';

export const acme = tenant('acme');
export const globex = tenant('globex');
export const aws = source('aws');
export const azure = source('azure');

export const OCTOBER = Date.UTC(2018, 9, 1);

export function tenant(text: string): TenantId {
  const id = tenantId(text);
  if (id === null) throw new Error(text);
  return id;
}

function source(text: string): SourceName {
  const name = sourceName(text);
  if (name === null) throw new Error(text);
  return name;
}

/** October 2018 of acme's aws, ten days, unless said otherwise. */
export function batch(id: string, but: Partial<Batch> = {}): Batch {
  return {
    id: batchId(id),
    tenant: acme,
    source: aws,
    billingMonth: '2018-10-01',
    mode: 'replace',
    format: 'aws-cur',
    mappingVersion: 1,
    charges: 100,
    quarantined: 2,
    from: OCTOBER,
    to: OCTOBER + 10 * DAY_MS,
    currencies: ['EUR', 'USD'],
    billedCost: decimalFromUnits(-12_345_678_901_234_567_890_123n),
    effectiveCost: decimalFromUnits(7n),
    ...but,
  };
}

export function load(
  sha256: string,
  ids: readonly string[],
  but: Partial<Load> = {},
): Omit<Load, 'loadedAt'> {
  return {
    tenant: acme,
    source: aws,
    sha256,
    fileName: `${sha256}.csv`,
    format: 'aws-cur',
    mode: 'replace',
    batches: ids.map(batchId),
    report: `{"file":"${sha256}.csv"}`,
    ...but,
  };
}

export function step(batches: readonly Batch[], but: Partial<PublishStep> = {}): PublishStep {
  return {
    tenant: acme,
    batches,
    loads: [],
    statistics: [],
    profiles: new Map(),
    force: false,
    at: 1_000,
    ...but,
  };
}
