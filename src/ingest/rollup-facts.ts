/** What there is of a tenant's rollups, and what was left out of them and why. */
import type { Control } from '../catalog/control/control.ts';
import type { LiveDataFile } from '../catalog/iceberg/data-file.ts';
import { lakeTables } from '../catalog/lake-tables.ts';
import type { DataLake } from '../catalog/lake.ts';
import type { Rollup } from '../catalog/rollups.ts';
import { rollupColumnOf } from '../catalog/rollups.ts';
import type { BatchId, TenantId } from '../core/ids.ts';
import { filesOf } from './rollup-parts.ts';

/** Of live batches; as `rollups list --json` prints it. */
export type RollupFacts = {
  readonly name: string;
  readonly grain: string;
  readonly attributes: readonly string[];
  readonly parts: number;
  readonly rows: number;
  readonly bytes: number;
  /** These are answered from charges. */
  readonly batchesWithout: readonly BatchId[];
  /** Attributes that would blow some parts up, with the most distinct values that a batch of such a part has. */
  readonly leftOut: readonly {
    readonly attribute: string;
    readonly distinct: number;
    readonly parts: number;
  }[];
};

export async function rollupFacts(
  { lake, control }: { readonly lake: DataLake; readonly control: Control },
  tenant: TenantId,
): Promise<RollupFacts[]> {
  const batches = (await control.publishedBatches(tenant))
    .filter(({ liveToSequence, charges }) => liveToSequence === null && charges > 0)
    .map(({ id }) => id);
  const distinct = new Map(
    (await control.statistics(tenant, batches)).map((one) => [`${one.batch} ${one.key}`, one.distinct]),
  );
  const files = await filesOf(lake, tenant, 'rollups');
  return (await control.rollups(tenant)).map((rollup) => {
    const own = files.filter(({ partition }) => partition['rollup'] === rollup.id);
    const parts = Map.groupBy(own, ({ partition }) => partition['batch']);
    const built = batches.filter((id) => parts.has(id));
    const live = built.flatMap((id) => parts.get(id) ?? []);
    const leftOut = rollup.attributes.flatMap((attribute) => {
      const lacking = built.filter((id) => !holds(rollup, attribute, parts.get(id) ?? []));
      if (lacking.length === 0) return [];
      const most = Math.max(...lacking.map((id) => distinct.get(`${id} ${attribute}`) ?? 0));
      return [{ attribute, distinct: most, parts: lacking.length }];
    });
    const { name, grain, attributes } = rollup;
    return {
      name,
      grain,
      attributes,
      parts: built.length,
      rows: live.reduce((sum, { records }) => sum + records, 0),
      bytes: live.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      batchesWithout: batches.filter((id) => !parts.has(id)),
      leftOut,
    };
  });
}

const ids = new Map<string, number>(lakeTables.rollups.fields.map(({ name, id }) => [name, id]));

/** Whether files of a part have an attribute. */
export function holds(rollup: Rollup, attribute: string, files: readonly LiveDataFile[]): boolean {
  const id = ids.get(rollupColumnOf(rollup, attribute) ?? '');
  return id !== undefined && files.every(({ valueCounts }) => valueCounts.has(id));
}
