import { hash } from 'node:crypto';

import { formatDecimal } from '../core/decimal.ts';
import { formatInstant } from '../core/time-range.ts';
import type { Statement, StatementLine } from './make-statement.ts';

/** In CSV for a missing value of the dimension; other formats have null. */
const UNATTRIBUTED = '(unattributed)';

const amountNames = ['effective_cost', 'shared_cost', 'billed_cost'] as const;

/** The columns of the lines, in order. */
export function statementColumns({ dimension, by }: Statement): string[] {
  return ['kind', dimension, ...by, 'currency', ...amountNames];
}

/** A line as its columns; null where a value is missing or summed up. */
export function lineFields(line: StatementLine): (string | null)[] {
  const { kind, values, currency, effectiveCost, sharedCost, billedCost } = line;
  return [kind, ...values, currency, ...[effectiveCost, sharedCost, billedCost].map(formatDecimal)];
}

/** What a statement says of itself, in order. The same for every format. */
export function statementHeader(statement: Statement): readonly (readonly [name: string, text: string])[] {
  const { tenant, dimension, period, close, version } = statement;
  // Who closed it is a text of a token.
  const by = close.closedBy.replaceAll(/\p{Cc}/gu, ' ');
  return [
    ['tenant', tenant],
    ['dimension', dimension],
    ['from', formatInstant(period.from)],
    ['to', formatInstant(period.to)],
    ['close', close.name],
    ['closed', `${formatInstant(close.closedAt)}${by === '' ? '' : ` by ${by}`}`],
    ['version', version],
    ['rules', close.rules === null ? 'none' : `${close.rules}`],
    ['sha256', hash('sha256', csvTable(statement), 'hex')],
  ];
}

/** The header as comments, a line each, then the table. */
export function formatCsv(statement: Statement): string {
  const header = statementHeader(statement).map(([name, text]) => `# ${name}: ${text}\n`);
  return header.join('') + csvTable(statement);
}

/** The names of the columns, then the lines: what the digest is of, whatever the format. */
function csvTable(statement: Statement): string {
  const lines = statement.lines.map((line) => {
    const fields = lineFields(line);
    if (line.kind !== 'total') fields[1] ??= UNATTRIBUTED;
    return fields;
  });
  return [statementColumns(statement), ...lines].map((fields) => `${fields.map(csvField).join()}\n`).join('');
}

function csvField(text: string | null): string {
  if (text === null) return '';
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** One object a line, so that two statements can be compared line by line. */
export function formatJson(statement: Statement): string {
  const columns = statementColumns(statement);
  const lines = statement.lines.map((line) => {
    const fields = lineFields(line);
    return `    ${JSON.stringify(Object.fromEntries(columns.map((name, i) => [name, fields[i] ?? null])))}`;
  });
  const header = JSON.stringify(Object.fromEntries(statementHeader(statement)), null, 2);
  return `{\n  "statement": ${header.replaceAll('\n', '\n  ')},\n  "lines": [\n${lines.join(',\n')}\n  ]\n}\n`;
}
