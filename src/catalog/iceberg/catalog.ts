import { isCostError } from '../../core/errors.ts';
import type { TenantId } from '../../core/ids.ts';
import type { LakeTable, LakeTableName } from '../lake-tables.ts';
import type { TableMetadata } from './metadata.ts';
import type { ManifestCache } from './manifest-cache.ts';
import type { TableRequirement, TableUpdate } from './table-changes.ts';

/** One table of one tenant: the tenant is the namespace. */
export type TableIdent = { readonly tenant: TenantId; readonly name: LakeTableName };

/** One state of a table. Immutable: a query that holds one reads the same files however the table moves on. */
export type TableState = {
  readonly ident: TableIdent;
  /** Folder of the table, a local path. */
  readonly location: string;
  /** The metadata file it was read from, a file:// URI. */
  readonly metadataLocation: string;
  readonly metadata: TableMetadata;
  /** What is read; null while the table is empty. Set another retained id to travel in time. */
  readonly snapshotId: bigint | null;
};

/** Where tables are found and changed, after the Iceberg REST catalog. */
export type IcebergCatalog = {
  /** Makes the table; null where it exists already. */
  readonly create: (ident: TableIdent, table: LakeTable) => Promise<TableState | null>;
  /**
   * The newest state; `known` itself while its version is the newest (two looks at names); null where there is
   * no such table.
   */
  readonly load: (ident: TableIdent, known?: TableState) => Promise<TableState | null>;
  /**
   * Applies all updates in one step to the newest state of the table of `base`, if all requirements hold of it.
   * Every file that the updates name must be synced before.
   * @throws COMMIT_CONFLICT when a requirement does not hold: nothing was changed.
   * @throws COMMIT_UNKNOWN when it may be in or not: delete no file it names.
   */
  readonly commit: (
    base: TableState,
    requirements: readonly TableRequirement[],
    updates: readonly TableUpdate[],
  ) => Promise<TableState>;
};

/** What table operations need; made once by the caller and shared by all of a process. */
export type Lake = { readonly catalog: IcebergCatalog; readonly manifests: ManifestCache };

/** True when a requirement of a commit did not hold: nothing was changed. */
export function isConflict(error: unknown): boolean {
  return isCostError(error) && error.code === 'COMMIT_CONFLICT';
}

/** For messages: `demo.charges`. */
export function tableName(ident: TableIdent): string {
  return `${ident.tenant}.${ident.name}`;
}
