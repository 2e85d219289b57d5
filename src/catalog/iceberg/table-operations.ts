/** What the product does to tables. Each operation is one commit, and gives the state after it. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { canonicalJson } from '../../core/digest.ts';
import { costError } from '../../core/errors.ts';
import type { LakeTable } from '../lake-tables.ts';
import type { IcebergCatalog, Lake, TableIdent, TableState } from './catalog.ts';
import { isConflict, tableName } from './catalog.ts';
import { commitSnapshot } from './commit-snapshot.ts';
import type { DataFile, LiveDataFile, Partition } from './data-file.ts';
import { listDataFiles } from './list-data-files.ts';
import type { SchemaField, TableSchema } from './metadata.ts';
import { currentSchema } from './metadata.ts';

type Summary = Readonly<Record<string, string>>;

/** Processes that add the same columns at once need two attempts. */
const SCHEMA_ATTEMPTS_MAX = 10;

/** The table, made if it is missing, with at least the columns of `table`. Safe in several processes at once. */
export async function createTable(
  catalog: IcebergCatalog,
  ident: TableIdent,
  table: LakeTable,
): Promise<TableState> {
  const state =
    (await catalog.load(ident)) ?? (await catalog.create(ident, table)) ?? (await catalog.load(ident));
  if (state === null) throw new Error(`${tableName(ident)} was taken and is missing`);
  return ensureColumns(catalog, state, table);
}

/** Adds the columns of `table` that the state lacks. Its files stay as they are: the new columns are null in them. */
export async function ensureColumns(
  catalog: IcebergCatalog,
  base: TableState,
  table: LakeTable,
): Promise<TableState> {
  let state = base;
  for (let attempt = 0; attempt < SCHEMA_ATTEMPTS_MAX; attempt++) {
    const { metadata } = state;
    const schema = currentSchema(metadata);
    const missing = missingColumns(schema, table, state);
    if (missing.length === 0) return state;
    const id = Math.max(...metadata.schemas.map((one) => one['schema-id'])) + 1;
    const next: TableSchema = { type: 'struct', 'schema-id': id, fields: [...schema.fields, ...missing] };
    try {
      return await catalog.commit(
        state,
        [
          { type: 'assert-table-uuid', uuid: metadata['table-uuid'] },
          { type: 'assert-current-schema-id', 'current-schema-id': schema['schema-id'] },
        ],
        [
          { action: 'add-schema', schema: next },
          { action: 'set-current-schema', 'schema-id': id },
        ],
      );
    } catch (error) {
      if (!isConflict(error)) throw error;
      state = (await catalog.load(state.ident)) ?? state;
    }
  }
  throw costError('COMMIT_CONFLICT', { table: tableName(base.ident) });
}

/** @throws TABLE_UNSUPPORTED when a column's id stands for another name or type in the table. */
function missingColumns(schema: TableSchema, table: LakeTable, state: TableState): SchemaField[] {
  const known = new Map(schema.fields.map((field) => [field.id, field]));
  return table.fields.flatMap((field) => {
    const found = known.get(field.id);
    if (found === undefined) return [{ ...field, required: false }]; // Older files lack it.
    if (found.name === field.name && found.type === field.type) return [];
    const reason = `column ${field.id} is ${found.name} ${found.type}, not ${field.name} ${field.type}`;
    throw costError('TABLE_UNSUPPORTED', { table: tableName(state.ident), reason });
  });
}

/** Where to write a data file that is to be added: a name that nobody has used. */
export function newDataFilePath(state: TableState): string {
  return join(state.location, 'data', `${randomUUID()}.parquet`);
}

/**
 * Adds files. With `rebase` a conflict is resolved by appending to what others made of the table; without, it
 * is the caller's: who decided what to add by what the table held must look again.
 * @throws COMMIT_CONFLICT without `rebase`, when the table is no longer at `state`: nothing was added.
 */
export async function appendFiles(
  lake: Lake,
  state: TableState,
  files: readonly DataFile[],
  options: { readonly summary: Summary; readonly rebase: boolean },
): Promise<TableState> {
  return commitSnapshot(lake, state, {
    operation: 'append',
    ...options,
    add: files,
    drop: async () => new Set(),
  });
}

/**
 * Puts `add` in the place of the files `drop` (paths), which hold the same rows: compaction.
 * @throws COMMIT_CONFLICT when one of them is not live any more: nothing was changed.
 */
export async function replaceFiles(
  lake: Lake,
  state: TableState,
  change: {
    readonly drop: ReadonlySet<string>;
    readonly add: readonly DataFile[];
    readonly summary: Summary;
  },
): Promise<TableState> {
  return commitSnapshot(lake, state, {
    operation: 'replace',
    summary: change.summary,
    add: change.add,
    rebase: true,
    drop: async (newest) => {
      const live = new Set((await listDataFiles(lake.manifests, newest)).map((file) => file.path));
      if ([...change.drop].every((path) => live.has(path))) return change.drop;
      throw costError('COMMIT_CONFLICT', { table: tableName(newest.ident) });
    },
  });
}

/**
 * Makes `add` all that the partitions hold, whatever others put there meanwhile: contents that are built twice, or by
 * two at once, are there once.
 */
export async function putPartitions(
  lake: Lake,
  state: TableState,
  partitions: readonly Partition[],
  add: readonly DataFile[],
  summary: Summary,
): Promise<TableState> {
  const put = new Set(partitions.map(canonicalJson));
  if (!add.every(({ partition }) => put.has(canonicalJson(partition)))) {
    throw new Error('files are put into partitions that are not named');
  }
  return commitSnapshot(lake, state, {
    operation: 'overwrite',
    summary,
    add,
    rebase: true,
    drop: async (newest) => {
      const files = await listDataFiles(lake.manifests, newest);
      return new Set(files.filter((file) => put.has(canonicalJson(file.partition))).map(({ path }) => path));
    },
  });
}

/** Drops the live files for which `isDropped` holds, also of those that others add meanwhile. */
export async function dropFiles(
  lake: Lake,
  state: TableState,
  isDropped: (file: LiveDataFile) => boolean,
  summary: Summary = {},
): Promise<TableState> {
  return commitSnapshot(lake, state, {
    operation: 'delete',
    summary,
    add: [],
    rebase: true,
    drop: async (newest) => {
      const files = await listDataFiles(lake.manifests, newest);
      return new Set(files.filter(isDropped).map((file) => file.path));
    },
  });
}
