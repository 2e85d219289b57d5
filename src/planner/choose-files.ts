import { metricColumns } from '../catalog/charge-columns.ts';
import { placeOf } from '../catalog/dimensions.ts';
import type { LakeTableName } from '../catalog/lake-tables.ts';
import { storedColumn } from '../catalog/rollups.ts';
import type { LakeFile, LakeTableState, TenantState } from '../catalog/tenant-state.ts';
import { compareText } from '../core/code-point-order.ts';
import type { TenantId } from '../core/ids.ts';
import type { Instant } from '../core/time-range.ts';
import { matchFile, provingKey } from './match-file.ts';
import type { FileSelection, Plan, Proven, Scan } from './plan.ts';
import { children, mapChildren } from './plan.ts';
import type { Dictionary, Predicate } from './predicate.ts';
import { TRUE, and, members } from './predicate.ts';
import { scannedBatches } from './scanned-batches.ts';

/** decimal(18,12) holds six digits before the point. */
const NARROW_LIMIT = 10n ** 18n;
const decimalColumns = new Set<string>(metricColumns.map((column) => column.name));

/** Gives every Scan the files that can hold its charges: of its live batches, of its time, not excluded by the filters above it. */
export function chooseFiles(plan: Plan, state: TenantState, above: Predicate = TRUE): Plan {
  switch (plan.kind) {
    case 'Scan':
      return { ...plan, files: scanFiles(plan, state, above) };
    case 'Filter':
      return mapChildren(plan, (child) => chooseFiles(child, state, and([above, plan.predicate])));
    case 'Lookup':
    case 'Bucket':
      return mapChildren(plan, (child) => chooseFiles(child, state, above));
    default:
      return mapChildren(plan, (child) => chooseFiles(child, state));
  }
}

function scanFiles(scan: Scan, state: TenantState, predicate: Predicate): FileSelection {
  const proves = (file: LakeFile): Proven => ({
    tenant: isOfTenant(file, scan.tenant),
    time: isInside(scan, file),
  });
  const { table, columns, files, snapshot } = tableOf(scan, state);
  return select(table, { snapshot, files }, columns, verdictOf(scan, predicate, state), proves);
}

/** The files that can hold rows of a Scan, not excluded by the filters above it. */
export function filesRead(scan: Scan, predicate: Predicate, state: TenantState): readonly LakeFile[] {
  const verdict = verdictOf(scan, predicate, state);
  return tableOf(scan, state).files.filter((file) => verdict(file) === null);
}

/** The table that a Scan reads, of a rollup its files alone, and the columns as the table names them. */
export function tableOf(
  { rollup, columns }: Scan,
  { tables }: TenantState,
): LakeTableState & { readonly table: LakeTableName; readonly columns: readonly string[] } {
  if (rollup === null) return { table: 'charges', columns, ...tables.charges };
  const { snapshot, files } = tables.rollups;
  return {
    table: 'rollups',
    columns: columns.map((column) => storedColumn(rollup, column)),
    snapshot,
    files: files.filter(({ partition }) => partition['rollup'] === rollup.id),
  };
}

function verdictOf(scan: Scan, predicate: Predicate, state: TenantState): (file: LakeFile) => string | null {
  const live = new Set<string>(state.batches.map(({ id }) => id));
  const scanned = new Set<string>(scannedBatches(scan, state).map(({ id }) => id));
  return (file) => {
    const batch = batchOf(file) ?? '';
    if (!live.has(batch)) return 'NOT_LIVE';
    if (!scanned.has(batch)) return 'NOT_ASKED';
    if (isOutside(scan, file)) return 'TIME';
    if (matchFile(predicate, file) !== 'none') return null;
    return `VALUE:${provingKey(predicate, file) ?? 'filter'}`;
  };
}

function batchOf({ partition }: LakeFile): string | null {
  const batch = partition['batch'];
  return typeof batch === 'string' ? batch : null;
}

function isOfTenant(file: LakeFile, tenant: TenantId): boolean {
  const bounds = file.bounds('tenant');
  return file.nullCount('tenant') === 0 && bounds?.lower === tenant && bounds.upper === tenant;
}

/** Whether all charges of a file are in the range; what a charge touches is looked at row by row. */
function isInside({ range, within, axis }: Scan, file: LakeFile): boolean {
  if (within === 'overlap' || file.nullCount(axis) !== 0) return false;
  const bounds = file.bounds(axis);
  if (typeof bounds?.lower !== 'bigint' || typeof bounds.upper !== 'bigint') return false;
  return bounds.lower >= micros(range.from) && bounds.upper < micros(range.to);
}

function micros(instant: Instant): bigint {
  return BigInt(instant) * 1000n;
}

/** Whether a file's bounds prove that none of its charges is of the scan's time. */
export function isOutside({ range, within, axis }: Scan, file: LakeFile): boolean {
  const [from, to] = [micros(range.from), micros(range.to)];
  if (from >= to) return true;
  const start = file.bounds(within === 'overlap' ? 'charge_period_start' : axis);
  if (typeof start?.lower === 'bigint' && start.lower >= to) return true;
  if (within === 'start') return typeof start?.upper === 'bigint' && start.upper < from;
  // A charge of no length counts at its start, so its end may be the range's very beginning.
  const end = file.bounds('charge_period_end');
  return typeof end?.upper === 'bigint' && end.upper < from;
}

/** The files of the dictionaries that Lookups and Members of a fragment read. */
export function dictionaryFiles(
  fragment: Plan,
  state: TenantState,
): Partial<Record<Dictionary, FileSelection>> {
  const selections: Partial<Record<Dictionary, FileSelection>> = {};
  const proves = (file: LakeFile): Proven => ({ tenant: isOfTenant(file, state.tenant), time: false });
  const keys = dictionaryKeys(fragment);
  const tagKeys = keys.flatMap((key) => {
    const place = placeOf(key);
    return place.kind === 'tag' ? [place.tagKey] : [];
  });
  const resourceColumns = keys.filter((key) => placeOf(key).kind === 'resource');
  if (tagKeys.length > 0) {
    const verdict = (file: LakeFile) => (tagKeys.some((key) => mayHold(file, key)) ? null : 'VALUE:key');
    selections.tags = select('tags', state.tables.tags, ['id', 'key', 'value'], verdict, proves);
  }
  if (resourceColumns.length > 0) {
    const columns = ['id', ...new Set(resourceColumns)];
    selections.resources = select('resources', state.tables.resources, columns, () => null, proves);
  }
  return selections;
}

function mayHold(file: LakeFile, tagKey: string): boolean {
  const bounds = file.bounds('key');
  if (typeof bounds?.lower !== 'string' || typeof bounds.upper !== 'string') return true;
  return compareText(bounds.lower, tagKey) <= 0 && compareText(tagKey, bounds.upper) <= 0;
}

function dictionaryKeys(plan: Plan): string[] {
  const own =
    plan.kind === 'Lookup'
      ? plan.columns
      : plan.kind === 'Filter'
        ? members(plan.predicate).map((member) => member.test.key)
        : plan.kind === 'Aggregate'
          ? plan.measures.flatMap((measure) => members(measure.where).map((member) => member.test.key))
          : [];
  return [...new Set([...own, ...children(plan).flatMap(dictionaryKeys)])];
}

/** `verdict`: the reason why a file is left out, or null. `proves`: what the statistics of one file prove. */
function select(
  table: LakeTableName,
  { snapshot, files }: LakeTableState,
  columns: readonly string[],
  verdict: (file: LakeFile) => string | null,
  proves: (file: LakeFile) => Proven,
): FileSelection {
  const kept: LakeFile[] = [];
  const skipped = new Map<string, { reason: string; files: number; bytes: number }>();
  let bytesTotal = 0;
  for (const file of files) {
    bytesTotal += file.sizeBytes;
    const reason = verdict(file);
    if (reason === null) {
      kept.push(file);
      continue;
    }
    const entry = skipped.get(reason) ?? { reason, files: 0, bytes: 0 };
    skipped.set(reason, { reason, files: entry.files + 1, bytes: entry.bytes + file.sizeBytes });
  }
  const proofs = kept.map(proves);
  return {
    table,
    snapshot,
    files: kept.map((file) => {
      const { path, sizeBytes, records } = file;
      return { path, sizeBytes, records, batch: batchOf(file) };
    }),
    columnBytes: kept.reduce((sum, file) => sum + neededBytes(file, columns), 0),
    lacking: columns.filter((column) => kept.some((file) => !file.holds(column))),
    narrow: columns.filter(
      (column) => decimalColumns.has(column) && kept.every((file) => isNarrow(file, column)),
    ),
    proven: {
      tenant: proofs.every((proof) => proof.tenant),
      time: proofs.every((proof) => proof.time),
    },
    pruning: {
      filesTotal: files.length,
      filesRead: kept.length,
      bytesTotal,
      bytesRead: kept.reduce((sum, file) => sum + file.sizeBytes, 0),
      skipped: [...skipped.values()],
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
  if (bounds === null) return file.nullCount(column) === file.records;
  const fits = (bound: unknown) => typeof bound === 'bigint' && bound < NARROW_LIMIT && bound > -NARROW_LIMIT;
  return fits(bounds.lower) && fits(bounds.upper);
}
