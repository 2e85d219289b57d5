/** A small table and its files: what tests of this folder and the processes they start share. */
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DataFile, Partition } from '../../../src/catalog/iceberg/data-file.ts';
import type { Lake, TableIdent, TableState } from '../../../src/catalog/iceberg/catalog.ts';
import { localCatalog } from '../../../src/catalog/iceberg/local-catalog.ts';
import { manifestCache } from '../../../src/catalog/iceberg/manifest-cache.ts';
import type { LakeTable } from '../../../src/catalog/lake-tables.ts';
import { tenantId } from '../../../src/core/ids.ts';

export const sampleTable: LakeTable = {
  name: 'charges',
  fields: [
    { id: 1, name: 'source', type: 'string', required: true },
    { id: 2, name: 'billing_month', type: 'date', required: true },
    { id: 10, name: 'charged_at', type: 'timestamptz', required: true },
    { id: 20, name: 'cost', type: 'decimal(38,12)', required: true },
    { id: 30, name: 'service', type: 'string', required: false },
    { id: 31, name: 'resource_key', type: 'long', required: false },
  ],
  partitionBy: ['source', 'billing_month'],
  sortBy: ['charged_at'],
};

const demo = tenantId('demo');
if (demo === null) throw new Error('demo is a tenant name');
export const sampleIdent: TableIdent = { tenant: demo, name: 'charges' };

/** Days since 1970 of 2018-10-01 and 2018-11-01. */
export const OCTOBER = 17_805;
export const NOVEMBER = 17_836;

export function openLake(warehouse: string): Lake {
  return { catalog: localCatalog(warehouse), manifests: manifestCache() };
}

/** A file of a table that no test reads: it has no rows in it, and says it has one. */
export async function emptyDataFile(
  state: TableState,
  partition: Partition = { source: 'aws', billing_month: OCTOBER },
  name: string = randomUUID(),
): Promise<DataFile> {
  const path = join(state.location, 'data', `${name}.parquet`);
  await writeFile(path, '');
  return {
    path,
    sizeBytes: 100,
    records: 1,
    partition,
    columnSizesBytes: new Map([[1, 40]]),
    valueCounts: new Map([[1, 1]]),
    nullCounts: new Map([[1, 0]]),
    lowerBounds: new Map([[1, Buffer.from('aws')]]),
    upperBounds: new Map([[1, Buffer.from('aws')]]),
  };
}
