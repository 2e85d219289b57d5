import { formatDecimal } from '../core/decimal.ts';
import type { Instant } from '../core/time-range.ts';
import { formatInstant } from '../core/time-range.ts';
import type { FileMonth } from './charges-view.ts';
import { sumDecimals } from './charges-view.ts';
import type { Inline } from './dictionaries.ts';

/**
 * What `import --json` prints for a file. Each record of the file is loaded, quarantined or a duplicate; one record
 * can be loaded as several charges (the unused part of a commitment is one of its own).
 */
export type ImportReport = {
  readonly file: string;
  readonly format: string;
  /** The batch that holds the file's charges; of several months several, by commas; null where it brought nothing. */
  readonly batch: string | null;
  /** Records of the file. */
  readonly rows: number;
  /** Charges that this import made live; 0 where the file was loaded already. */
  readonly loaded: number;
  /** Charges left out because they are loaded already. */
  readonly duplicates: number;
  /** Records left out because they are bad. */
  readonly quarantined: number;
  /** Charges that stopped being live; of files of the same month the first has the number. */
  readonly replaced: number;
  /**
   * Distinct resources and tag sets that found no room in the dictionaries, so that charges carry them inline; of files
   * of the same command the first has the numbers.
   */
  readonly inlineResources: number;
  readonly inlineTagSets: number;
  /** Sums over the file's live charges, 12 places; over mixed currencies they check a load and mean no money. */
  readonly billedCost: string;
  readonly effectiveCost: string;
  /** Source values - loaded values, over all money columns: exact. */
  readonly roundingResidue: string;
  /** RFC 3339: from the first start to the last end of the file's charges; null where it brought none. */
  readonly from: string | null;
  readonly to: string | null;
};

export type ReportedFile = {
  readonly fileName: string;
  readonly format: string;
  readonly rows: number;
  readonly batches: readonly string[];
  readonly months: readonly FileMonth[];
  readonly quarantined: number;
  readonly duplicates: number;
  readonly replaced: number;
  readonly inline: Inline;
};

export function importReport(file: ReportedFile): ImportReport {
  const { months } = file;
  return {
    file: file.fileName,
    format: file.format,
    batch: file.batches.length === 0 ? null : file.batches.join(','),
    rows: file.rows,
    loaded: months.reduce((sum, { charges }) => sum + charges, 0),
    duplicates: file.duplicates,
    quarantined: file.quarantined,
    replaced: file.replaced,
    inlineResources: file.inline.resources,
    inlineTagSets: file.inline.tags,
    billedCost: formatDecimal(sumDecimals(months.map(({ billedCost }) => billedCost))),
    effectiveCost: formatDecimal(sumDecimals(months.map(({ effectiveCost }) => effectiveCost))),
    roundingResidue: sumResidues(months.map(({ roundingResidue }) => roundingResidue)),
    from: instantText(
      months.map(({ from }) => from),
      Math.min,
    ),
    to: instantText(
      months.map(({ to }) => to),
      Math.max,
    ),
  };
}

/** What a file that is loaded already answers: as before, but nothing was done. */
export function repeatedReport(report: ImportReport, fileName: string): ImportReport {
  return {
    ...report,
    file: fileName,
    loaded: 0,
    duplicates: report.loaded + report.duplicates,
    replaced: 0,
    inlineResources: 0,
    inlineTagSets: 0,
  };
}

function instantText(instants: readonly Instant[], pick: (...values: number[]) => number): string | null {
  return instants.length === 0 ? null : formatInstant(pick(...instants));
}

const PLACES_MIN = 12;

/** Exact, at any scale; zeros beyond the 12th place are left out. */
function sumResidues(texts: readonly string[]): string {
  const places = Math.max(PLACES_MIN, ...texts.map((text) => text.split('.')[1]?.length ?? 0));
  const units = texts.reduce((sum, text) => sum + unitsOf(text, places), 0n);
  const digits = (units < 0n ? -units : units).toString().padStart(places + 1, '0');
  const [whole, fraction] = [digits.slice(0, -places), digits.slice(-places)];
  const shown = fraction.slice(0, PLACES_MIN) + fraction.slice(PLACES_MIN).replace(/0+$/, '');
  return `${units < 0n ? '-' : ''}${whole}.${shown}`;
}

function unitsOf(text: string, places: number): bigint {
  const [whole = '', fraction = ''] = text.split('.');
  return BigInt(whole + fraction.padEnd(places, '0'));
}
