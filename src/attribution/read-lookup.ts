import { readCsv } from './read-csv.ts';
import type { Report } from './read-tree.ts';
import type { Lookup, LookupRow, Validity } from './rule-set.ts';
import { parseHour } from './rules-grammar.ts';
import type { RawLookup } from './rules-grammar.ts';
import { TEXT_LENGTH_MAX } from './shape.ts';

/** The text of a file that the rules name, as they name it; null where it cannot be read. */
export type LookupFile = (file: string) => string | null;

export const LOOKUP_BYTES_MAX = 16_777_216;
/** Of all lookups together. */
export const LOOKUP_ROWS_MAX = 100_000;
export const LOOKUP_COLUMNS_MAX = 50;
/** Bad rows of one file that are reported. */
const ROW_ERRORS_MAX = 10;

const FROM = 'valid_from';
const TO = 'valid_to';

/** Null where the file cannot be read as a table, which is reported; its bad rows are reported and left out. */
export function readLookup(
  { name, file, at }: RawLookup,
  lookupFile: LookupFile,
  report: Report,
): Lookup | null {
  if (/^\/|^[a-zA-Z]:|\\|(?:^|\/)\.\.(?:\/|$)/.test(file.value)) {
    report(file, `"${file.value}" is not beside the rules`, 'Write a relative path with /, without "..".');
    return null;
  }
  const text = lookupFile(file.value);
  if (text === null) {
    report(file, `The file "${file.value}" cannot be read`, 'Paths start at the folder of the rules.');
    return null;
  }
  const bytes = Buffer.byteLength(text);
  if (bytes > LOOKUP_BYTES_MAX) {
    report(
      file,
      `"${file.value}" has ${bytes} bytes, the limit is ${LOOKUP_BYTES_MAX}`,
      'Leave columns out.',
    );
    return null;
  }
  const reportRow = (line: number, message: string, hint: string) =>
    report({ line, column: 1 }, message, hint, file.value);
  const csv = readCsv(text);
  if ('badLine' in csv) {
    reportRow(csv.badLine, 'A quoted cell does not end as it should', 'Write "" for a quote inside quotes.');
    return null;
  }
  const [header, ...rows] = csv.rows;
  if (
    header === undefined ||
    !isHeader(header.cells, (message, hint) => reportRow(header.line, message, hint))
  ) {
    if (header === undefined) reportRow(1, 'The file is empty', 'Begin with a line of column names.');
    return null;
  }
  const columns = header.cells.filter((column) => column !== FROM && column !== TO);
  let badRows = 0;
  const read = rows.flatMap(({ line, cells }) => {
    const row = readRow(header.cells, cells, line);
    if ('cells' in row) return [row];
    badRows += 1;
    if (badRows <= ROW_ERRORS_MAX) reportRow(line, row.message, row.hint);
    return [];
  });
  return { name: name.value, file: file.value, columns, rows: read, ...at };
}

function isHeader(names: readonly string[], report: (message: string, hint: string) => void): boolean {
  const seen = new Set<string>();
  for (const name of names) {
    if (name === '') report('A column has no name', 'Name every column in the first line.');
    else if (seen.has(name))
      report(`The column "${name}" is here twice`, 'Give each column a name of its own.');
    seen.add(name);
  }
  if (names.length > LOOKUP_COLUMNS_MAX) {
    report(`There are ${names.length} columns, the limit is ${LOOKUP_COLUMNS_MAX}`, 'Leave columns out.');
  }
  return seen.size === names.length && !seen.has('') && names.length <= LOOKUP_COLUMNS_MAX;
}

type BadRow = { readonly message: string; readonly hint: string };

function readRow(names: readonly string[], cells: readonly string[], line: number): LookupRow | BadRow {
  if (cells.length !== names.length) {
    const message = `The row has ${cells.length} cells, the first line has ${names.length}`;
    return { message, hint: 'Put texts with commas in quotes.' };
  }
  const values: (string | null)[] = [];
  const bounds: Record<typeof FROM | typeof TO, Validity['from']> = { [FROM]: null, [TO]: null };
  for (const [i, name] of names.entries()) {
    const cell = cells[i] ?? '';
    if (name === FROM || name === TO) {
      bounds[name] = cell === '' ? null : parseHour(cell);
      if (cell !== '' && bounds[name] === null) {
        return { message: `${name} "${cell}" is no day or full hour`, hint: 'Write it as in 2018-11-01.' };
      }
    } else if (cell.length > TEXT_LENGTH_MAX || cell.includes('\0') || !cell.isWellFormed()) {
      const message = `The cell of ${name} is too long, or has a character that no text can hold`;
      return { message, hint: `Write at most ${TEXT_LENGTH_MAX} characters, no NUL.` };
    } else values.push(cell === '' ? null : cell);
  }
  const effective = { from: bounds[FROM], to: bounds[TO] };
  if (effective.from !== null && effective.to !== null && effective.from >= effective.to) {
    return {
      message: `${FROM} is not before ${TO}`,
      hint: `The row holds from ${FROM} until just before ${TO}.`,
    };
  }
  return { cells: values, effective, line };
}
