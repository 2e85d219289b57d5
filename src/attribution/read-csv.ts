/** Line of the file, from 1, at which the row begins. */
export type CsvRow = { readonly line: number; readonly cells: readonly string[] };

/**
 * Rows of a CSV text (RFC 4180, commas) without blank lines. A cell in double quotes is taken as it stands, `""` in it
 * is one quote; any other is trimmed. An unclosed quote, or text behind a closing one, gives the line it is on.
 */
export function readCsv(text: string): { readonly rows: readonly CsvRow[] } | { readonly badLine: number } {
  const cell = /[ \t]*"((?:[^"]|"")*)"[ \t]*(,|\r?\n|$)|([^",\r\n][^,\r\n]*|)(,|\r?\n|$)/y;
  const rows: CsvRow[] = [];
  let cells: string[] = [];
  let line = 1;
  let rowLine = 1;
  cell.lastIndex = text.startsWith('\uFEFF') ? 1 : 0;
  while (cell.lastIndex < text.length || cells.length > 0) {
    const match = cell.exec(text);
    if (match === null) return { badLine: line };
    const [all, quoted, quotedEnd, plain = '', plainEnd] = match;
    const isLast = (quotedEnd ?? plainEnd) !== ',';
    cells.push(quoted === undefined ? plain.trim() : quoted.replaceAll('""', '"'));
    line += all.split('\n').length - 1;
    if (!isLast) continue;
    const isBlank = cells.length === 1 && cells[0] === '';
    if (!isBlank) rows.push({ line: rowLine, cells });
    cells = [];
    rowLine = line;
  }
  return { rows };
}
