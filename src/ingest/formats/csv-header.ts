import type { CsvDialect, Newline } from './bill-file.ts';

const DELIMITERS = [',', ';', '\t', '|', '\u0001'] as const;

export type CsvHeader = { readonly dialect: CsvDialect; readonly names: readonly string[] };

/**
 * Reads the header record from the beginning of a file: the separator is the one that occurs most outside
 * quotes. Null when `head` holds no whole line with at least two names.
 */
export function readCsvHeader(head: string): CsvHeader | null {
  const text = head.startsWith('\ufeff') ? head.slice(1) : head;
  let best: CsvHeader | null = null;
  for (const delimiter of DELIMITERS) {
    const header = splitHeader(text, delimiter, delimiter !== '\u0001');
    if (header !== null && header.names.length > (best?.names.length ?? 1)) best = header;
  }
  return best;
}

function splitHeader(text: string, delimiter: string, quoted: boolean): CsvHeader | null {
  const names: string[] = [];
  let name = '';
  let inQuotes = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i] ?? '';
    if (inQuotes) {
      if (character !== '"') name += character;
      else if (text[i + 1] === '"') name += text[i++];
      else inQuotes = false;
    } else if (quoted && character === '"' && name === '') inQuotes = true;
    else if (character === delimiter) {
      names.push(name);
      name = '';
    } else if (character === '\n' || character === '\r') {
      if (names.length === 0 && name === '') continue; // A blank line before the header.
      names.push(name);
      return { names, dialect: { delimiter, quoted, newline: newlineAt(text, i) } };
    } else name += character;
  }
  // The whole file is one line: a header without rows.
  return inQuotes ? null : { names: [...names, name], dialect: { delimiter, quoted, newline: '\n' } };
}

function newlineAt(text: string, i: number): Newline {
  if (text[i] === '\n') return '\n';
  return text[i + 1] === '\n' ? '\r\n' : '\r';
}
