import { placeOf } from '../catalog/dimensions.ts';
import type { FileSet } from '../catalog/file-index.ts';
import { everyFile } from '../catalog/file-index.ts';
import type { LakeFile } from '../catalog/lake-file.ts';
import { NARROW_LIMIT } from '../catalog/lake-file.ts';
import type { LakeTableName } from '../catalog/lake-tables.ts';
import { lakeTables } from '../catalog/lake-tables.ts';
import type { TenantState } from '../catalog/tenant-state.ts';
import { compareText } from '../core/code-point-order.ts';
import type { TenantId } from '../core/ids.ts';
import type { TimeRange } from '../core/time-range.ts';
import type { Skipped } from './files-in-time.ts';
import { micros, scannedFiles, sizeOf, tableOf } from './files-in-time.ts';
import { matchFile, provingKey } from './match-file.ts';
import type { ColumnName, FileSelection, Plan, Proven, Scan, SelectedFile } from './plan.ts';
import { children, mapChildren } from './plan-tree.ts';
import type { Dictionary, Predicate } from './predicate.ts';
import { TRUE, and, members } from './predicate.ts';

const decimalColumns = new Set(
  Object.values(lakeTables).flatMap(({ fields }) =>
    fields.filter(({ type }) => type === 'decimal(38,12)').map(({ name }) => name),
  ),
);

/** The files of a Scan's batches and time: the same for all questions of a shape. */
export type ScanFiles = {
  readonly count: number;
  /** The Scan with those that a filter above it does not exclude; the same object whenever it excludes none. */
  readonly filteredBy: (predicate: Predicate) => Scan;
};
/** `unfilteredFiles` of a state, or what it said before. */
export type FilesOfScan = (scan: Scan) => ScanFiles;

/** Gives every Scan the files that can hold its charges: of its live batches, of its time, not excluded by the filters above it. */
export function chooseFiles(plan: Plan, filesOf: FilesOfScan, above: Predicate = TRUE): Plan {
  switch (plan.kind) {
    case 'Scan':
      return filesOf(plan).filteredBy(above);
    case 'Filter':
      return mapChildren(plan, (child) => chooseFiles(child, filesOf, and([above, plan.predicate])));
    case 'Lookup':
    case 'Bucket':
      return mapChildren(plan, (child) => chooseFiles(child, filesOf, above));
    default:
      return mapChildren(plan, (child) => chooseFiles(child, filesOf));
  }
}

/** Of each Scan the files of a state before any filter is looked at; what reading one means is found when it is chosen. */
export function unfilteredFiles(state: TenantState): FilesOfScan {
  return (scan) => {
    const { files: index, ...table } = tableOf(scan, state);
    const { files, skipped } = scannedFiles(scan, index, state);
    const known = new Map<LakeFile, FileChoice>();
    const choose = (file: LakeFile): FileChoice => {
      const choice = known.get(file) ?? choiceOf(file, table.columns, provenOf(scan, file));
      known.set(file, choice);
      return choice;
    };
    const select = (some: readonly LakeFile[], excluded: readonly Skipped[]): Scan => {
      const of = { ...table, index, skipped: [...excluded, ...skipped] };
      return { ...scan, files: selectionOf(of, some.map(choose)) };
    };
    let whole: Scan | null = null;
    return {
      count: files.length,
      filteredBy: (predicate) => {
        const { kept, excluded } = filterFiles(files, predicate);
        return excluded.length === 0 ? (whole ??= select(files, [])) : select(kept, excluded);
      },
    };
  };
}

function filterFiles(files: readonly LakeFile[], predicate: Predicate) {
  const kept: LakeFile[] = [];
  const excluded = new Map<string, Skipped>();
  for (const file of files) {
    if (matchFile(predicate, file) !== 'none') {
      kept.push(file);
      continue;
    }
    const reason = `VALUE:${provingKey(predicate, file) ?? 'filter'}`;
    const { files: count, bytes } = excluded.get(reason) ?? { files: 0, bytes: 0 };
    excluded.set(reason, { reason, files: count + 1, bytes: bytes + file.sizeBytes });
  }
  return { kept, excluded: [...excluded.values()] };
}

function provenOf(scan: Scan, file: LakeFile): Proven {
  return { tenant: isOfTenant(file, scan.tenant), time: isInside(scan, file) };
}

/** The files that can hold rows of a Scan, not excluded by the filters above it. */
export function filesRead(scan: Scan, predicate: Predicate, state: TenantState): readonly LakeFile[] {
  const { files } = scannedFiles(scan, tableOf(scan, state).files, state);
  return files.filter((file) => matchFile(predicate, file) !== 'none');
}

function batchOf({ partition }: LakeFile): string | null {
  const batch = partition['batch'];
  return typeof batch === 'string' ? batch : null;
}

export function isOfTenant(file: LakeFile, tenant: TenantId): boolean {
  const bounds = file.bounds('tenant');
  return file.nulls('tenant') === 'none' && bounds?.lower === tenant && bounds.upper === tenant;
}

/** Whether all charges of a file are in the range; what a charge touches is looked at row by row. */
function isInside({ range, within, axis }: Scan, file: LakeFile): boolean {
  return within !== 'overlap' && areTimesIn(file, axis, range);
}

/** Whether statistics prove that the column's values, none of them missing, are all in the range. */
export function areTimesIn(file: LakeFile, column: string, range: TimeRange): boolean {
  if (file.nulls(column) !== 'none') return false;
  const bounds = file.bounds(column);
  if (typeof bounds?.lower !== 'bigint' || typeof bounds.upper !== 'bigint') return false;
  return bounds.lower >= micros(range.from) && bounds.upper < micros(range.to);
}

/** The files of the dictionaries that Lookups and Members of a fragment read. */
export function dictionaryFiles(
  fragment: Plan,
  state: TenantState,
): Partial<Record<Dictionary, FileSelection>> {
  const selections: Partial<Record<Dictionary, FileSelection>> = {};
  const tagKeys = new Set<string>();
  const resourceColumns = new Set<string>();
  for (const key of dictionaryKeys(fragment)) {
    const place = placeOf(key);
    if (place.kind === 'tag') tagKeys.add(place.tagKey);
    else if (place.kind === 'resource') resourceColumns.add(key);
  }
  if (tagKeys.size > 0) {
    const isNeeded = (file: LakeFile) => [...tagKeys].some((key) => mayHold(file, key));
    selections.tags = dictionarySelection('tags', ['id', 'key', 'value'], isNeeded, state);
  }
  if (resourceColumns.size > 0) {
    const columns = ['id', ...resourceColumns];
    selections.resources = dictionarySelection('resources', columns, () => true, state);
  }
  return selections;
}

function dictionarySelection(
  table: Dictionary,
  columns: readonly string[],
  isNeeded: (file: LakeFile) => boolean,
  { tenant, tables }: TenantState,
): FileSelection {
  const { snapshot, files: index } = tables[table];
  const kept = everyFile(index).filter(isNeeded);
  const left = { files: index.count - kept.length, bytes: index.sizeBytes - sizeOf(kept) };
  const skipped = left.files === 0 ? [] : [{ reason: 'VALUE:key', ...left }];
  const choices = kept.map((file) =>
    choiceOf(file, columns, { tenant: isOfTenant(file, tenant), time: false }),
  );
  return selectionOf({ table, columns, snapshot, index, skipped }, choices);
}

function mayHold(file: LakeFile, tagKey: string): boolean {
  const bounds = file.bounds('key');
  if (typeof bounds?.lower !== 'string' || typeof bounds.upper !== 'string') return true;
  return compareText(bounds.lower, tagKey) <= 0 && compareText(tagKey, bounds.upper) <= 0;
}

function dictionaryKeys(plan: Plan): string[] {
  const keys: string[] = [];
  const add = (node: Plan): void => {
    if (node.kind === 'Lookup') keys.push(...node.columns);
    else if (node.kind === 'Filter') addTested(node.predicate);
    else if (node.kind === 'Aggregate' || node.kind === 'GroupingSets') {
      for (const { where } of node.measures) if (where.kind !== 'true') addTested(where);
    }
    for (const child of children(node)) add(child);
  };
  const addTested = (predicate: Predicate) => {
    for (const { test } of members(predicate)) keys.push(test.key);
  };
  add(plan);
  return keys;
}

/** A file that may be read, and what reading it means for the whole. */
type FileChoice = {
  readonly selected: SelectedFile;
  readonly columnBytes: number;
  /** Of the columns that are read those that it does not hold, and decimals that need not be narrow. */
  readonly lacking: readonly ColumnName[];
  readonly wide: readonly ColumnName[];
  readonly proven: Proven;
};

const noColumns: readonly ColumnName[] = [];

/** @param columns as the table names them */
export function choiceOf(file: LakeFile, columns: readonly ColumnName[], proven: Proven): FileChoice {
  const { path, sizeBytes, records } = file;
  const lacking = columns.filter((column) => !file.holds(column));
  const wide = columns.filter((column) => decimalColumns.has(column) && !isNarrow(file, column));
  return {
    selected: { path, sizeBytes, records, batch: batchOf(file) },
    columnBytes: neededBytes(file, columns),
    lacking: lacking.length === 0 ? noColumns : lacking,
    wide: wide.length === 0 ? noColumns : wide,
    proven,
  };
}

/** What files are chosen from, and how many are not, why. */
type TableFiles = {
  readonly table: LakeTableName;
  readonly columns: readonly string[];
  readonly snapshot: string;
  readonly index: FileSet;
  readonly skipped: readonly Skipped[];
};

export function selectionOf(
  { table, columns, snapshot, index, skipped }: TableFiles,
  choices: readonly FileChoice[],
): FileSelection {
  const lacking = new Set(choices.flatMap((choice) => choice.lacking));
  const wide = new Set(choices.flatMap((choice) => choice.wide));
  const files = choices.map(({ selected }) => selected);
  return {
    table,
    snapshot,
    files,
    columnBytes: choices.reduce((sum, { columnBytes }) => sum + columnBytes, 0),
    lacking: columns.filter((column) => lacking.has(column)),
    narrow: columns.filter((column) => decimalColumns.has(column) && !wide.has(column)),
    proven: {
      tenant: choices.every(({ proven }) => proven.tenant),
      time: choices.every(({ proven }) => proven.time),
    },
    pruning: {
      filesTotal: index.count,
      filesRead: files.length,
      bytesTotal: index.sizeBytes,
      bytesRead: sizeOf(files),
      skipped,
    },
  };
}

/** Compressed bytes of the columns, as the table names them. */
export function neededBytes(file: LakeFile, columns: readonly string[]): number {
  let bytes = 0;
  for (const column of columns) {
    const size = file.columnBytes(column);
    if (size === null && file.holds(column)) return file.sizeBytes;
    bytes += size ?? 0;
  }
  return bytes;
}

/** The writer stores a decimal narrow exactly where both bounds fit; a column of nulls only fits. */
function isNarrow(file: LakeFile, column: string): boolean {
  const bounds = file.bounds(column);
  if (bounds === null) return file.nulls(column) === 'all';
  const fits = (bound: unknown) => typeof bound === 'bigint' && bound < NARROW_LIMIT && bound > -NARROW_LIMIT;
  return fits(bounds.lower) && fits(bounds.upper);
}
