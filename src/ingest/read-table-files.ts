/** Rows of a table's files, whichever version of the program wrote them. */
import type { DataFile } from '../catalog/iceberg/data-file.ts';
import type { LakeTable } from '../catalog/lake-tables.ts';
import { sqlPath, sqlText } from './formats/sql-text.ts';
import { sqlType } from './write-table-files.ts';

/**
 * A relation with all columns of the table, found by their ids: null where a file is older than a column;
 * decimals are wide, also those that a file holds narrow.
 *
 * @param files not empty
 */
export function tableRowsSql(table: LakeTable, files: readonly Pick<DataFile, 'path'>[]): string {
  const wide = new Set(table.fields.map(({ name }) => name));
  const columns = table.fields.map(
    (field) =>
      `${field.id}: {name: ${sqlText(field.name)}, type: ${sqlText(sqlType(field, wide))}, default_value: NULL}`,
  );
  const paths = files.map(({ path }) => sqlPath(path));
  return `read_parquet([${paths.join(', ')}], hive_partitioning = false, schema = MAP {${columns.join(', ')}})`;
}
