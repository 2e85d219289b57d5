/** Rows of a table's files, whichever version of the program wrote them. */
import type { DataFile } from '../catalog/iceberg/data-file.ts';
import { lowerBound, upperBound } from '../catalog/iceberg/data-file.ts';
import { NARROW_LIMIT } from '../catalog/lake-file.ts';
import type { LakeField, LakeTable } from '../catalog/lake-tables.ts';
import { sqlPath, sqlText } from './formats/sql-text.ts';
import { sqlType } from './write-table-files.ts';

/**
 * A relation with all columns of the table, found by their ids: null where a file is older than a column;
 * decimals are wide, also those that a file holds narrow.
 *
 * @param files not empty
 * @param narrow decimals that are taken as narrow ones
 */
export function tableRowsSql(
  table: LakeTable,
  files: readonly Pick<DataFile, 'path'>[],
  narrow: ReadonlySet<string> = new Set(),
): string {
  const wide = new Set(table.fields.map(({ name }) => name)).difference(narrow);
  const columns = table.fields.map(
    (field) =>
      `${field.id}: {name: ${sqlText(field.name)}, type: ${sqlText(sqlType(field, wide))}, default_value: NULL}`,
  );
  const paths = files.map(({ path }) => sqlPath(path));
  return `read_parquet([${paths.join(', ')}], hive_partitioning = false, schema = MAP {${columns.join(', ')}})`;
}

/** Decimals that all files hold narrow, by their bounds: they are summed in half the time. */
export function narrowColumns(table: LakeTable, files: readonly DataFile[]): ReadonlySet<string> {
  const isNarrow = (file: DataFile, field: LakeField): boolean =>
    !file.valueCounts.has(field.id) ||
    file.nullCounts.get(field.id) === file.records ||
    [lowerBound(file, field), upperBound(file, field)].every(
      (bound) => typeof bound === 'bigint' && bound < NARROW_LIMIT && bound > -NARROW_LIMIT,
    );
  const narrow = table.fields.filter(
    (field) => field.type === 'decimal(38,12)' && files.every((file) => isNarrow(file, field)),
  );
  return new Set(narrow.map(({ name }) => name));
}
