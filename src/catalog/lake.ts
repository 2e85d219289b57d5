/** Where a deployment keeps its data, and the way to the tables of its tenants. */
import { join, resolve } from 'node:path';

import type { TenantId } from '../core/ids.ts';
import type { Lake, TableState } from './iceberg/catalog.ts';
import { makeFolderDurably } from './iceberg/durable-files.ts';
import { localCatalog } from './iceberg/local-catalog.ts';
import { manifestCache } from './iceberg/manifest-cache.ts';
import { createTable } from './iceberg/table-operations.ts';
import type { LakeTableName } from './lake-tables.ts';
import { lakeTables } from './lake-tables.ts';

/** Absolute paths of one data folder, all on one file system: files are finished in `tmp` and then renamed. */
export type DataFolders = {
  /** `<tenant>/<table>/`: Iceberg tables. */
  readonly warehouse: string;
  /** `<tenant>/<sha256>`: bills as they came. */
  readonly raw: string;
  readonly control: string;
  /** Work under way; what a crash leaves here is nobody's. */
  readonly tmp: string;
  /** `<tenant>/<source>/`: rows that were not loaded, with the reasons. */
  readonly quarantine: string;
};

export type DataLake = Lake & {
  readonly folders: DataFolders;
  /** The newest state of a tenant's table, made if it is missing, with all columns of this version. */
  readonly ensureTable: (tenant: TenantId, name: LakeTableName) => Promise<TableState>;
  /** Null where the tenant has no such table. */
  readonly findTable: (tenant: TenantId, name: LakeTableName) => Promise<TableState | null>;
};

/** Opens the lake in `dataFolder`, making its folders where absent. */
export async function openLake({ dataFolder }: { readonly dataFolder: string }): Promise<DataLake> {
  const root = resolve(dataFolder);
  const folders: DataFolders = {
    warehouse: join(root, 'warehouse'),
    raw: join(root, 'raw'),
    control: join(root, 'control'),
    tmp: join(root, 'tmp'),
    quarantine: join(root, 'quarantine'),
  };
  for (const folder of Object.values(folders)) await makeFolderDurably(folder);
  const catalog = localCatalog(folders.warehouse);
  return {
    catalog,
    manifests: manifestCache(),
    folders,
    ensureTable: (tenant, name) => createTable(catalog, { tenant, name }, lakeTables[name]),
    findTable: (tenant, name) => catalog.load({ tenant, name }),
  };
}

/** The file of the control plane. */
export function controlFile({ control }: DataFolders): string {
  return join(control, 'control.sqlite');
}
