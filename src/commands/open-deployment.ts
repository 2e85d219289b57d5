import type { Control } from '../catalog/control/control.ts';
import type { DictionaryBudget } from '../ingest/dictionaries.ts';
import { openControl } from '../catalog/control/open-control.ts';
import type { DataLake } from '../catalog/lake.ts';
import { controlFile, openLake } from '../catalog/lake.ts';
import { readConfig } from '../config.ts';
import { costError } from '../core/errors.ts';
import type { TenantId } from '../core/ids.ts';
import { tenantId } from '../core/ids.ts';
import type { Io } from './command.ts';

/** What the commands on a data folder work with. */
export type Deployment = AsyncDisposable & {
  readonly lake: DataLake;
  readonly control: Control;
  readonly threads: number;
  readonly retentionMs: number;
  readonly dictionaryBudget: DictionaryBudget;
  readonly rollupRowsMax: number;
};

/** Opens the data folder of COSTGRAPH_DATA, making it where absent. */
export async function openDeployment(io: Io): Promise<Deployment> {
  const { dataFolder, threads, retentionMs, dictionaryBudget, rollupRowsMax } = readConfig(io.environment);
  const lake = await openLake({ dataFolder });
  const control = await openControl(controlFile(lake.folders));
  const close = () => control.close();
  const limits = { retentionMs, dictionaryBudget, rollupRowsMax };
  return { lake, control, threads, ...limits, [Symbol.asyncDispose]: close };
}

/** @throws BAD_NAME */
export function readTenant(text: string): TenantId {
  const tenant = tenantId(text);
  if (tenant === null) throw costError('BAD_NAME', { what: 'tenant name', value: text });
  return tenant;
}

/**
 * The tenant asked for, or all.
 *
 * @throws BAD_NAME, USAGE where the tenant has no data
 */
export async function readTenants(control: Control, asked: string | null): Promise<TenantId[]> {
  const known = await control.tenants();
  if (asked === null) return known;
  const tenant = readTenant(asked);
  if (known.includes(tenant)) return [tenant];
  const reason = `There is no tenant "${tenant}"`;
  const hint = known.length === 0 ? 'Nothing is loaded yet.' : `There are ${known.join(', ')}.`;
  throw costError('BAD_REQUEST', { reason, hint });
}
