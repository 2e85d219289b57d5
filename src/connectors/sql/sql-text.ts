import type { Brand } from '../../core/brand.ts';
import type { Decimal } from '../../core/decimal.ts';
import { formatDecimal } from '../../core/decimal.ts';
import { costError } from '../../core/errors.ts';
import type { ColumnName } from '../../planner/plan.ts';

/**
 * SQL text that is safe by construction: the tag takes only other Sql, names and values come in through
 * `identifier`, `text` and `integer`, and nothing else in the product makes one.
 */
export type Sql = Brand<string, 'Sql'>;

/** A template whose holes are Sql. */
export function sql(strings: TemplateStringsArray, ...holes: readonly Sql[]): Sql {
  let whole = strings[0] ?? '';
  for (let i = 0; i < holes.length; i++) whole += (holes[i] ?? '') + (strings[i + 1] ?? '');
  return whole as Sql;
}

export function identifier(name: string): Sql {
  return `"${checked(name).replaceAll('"', '""')}"` as Sql;
}

/**
 * The name that a plan's column has in a statement. Engines take `tag:Team` and `tag:team` for one name, which they are
 * not: the places of capitals are written behind it, `tag:Team ^4`. Different columns have different names in any case.
 */
export function columnName(column: ColumnName): string {
  const capitals = [...column.matchAll(/[A-Z]/g)].map(({ index }) => index);
  return capitals.length > 0 || column.includes('^') ? `${column} ^${capitals.join('.')}` : column;
}

/** An unquoted name that the compiler itself chose. */
export function ownName(name: string): Sql {
  if (!/^[a-z][a-z0-9_]*$/.test(name)) throw new Error(`no plain name: ${name}`);
  return name as Sql;
}

/**
 * A text literal.
 *
 * @throws BAD_FILTER for text that no engine can be sent: NUL, or a surrogate without its other half
 */
export function text(value: string): Sql {
  return `'${checked(value).replaceAll("'", "''")}'` as Sql;
}

/** A literal that holds the texts as a JSON array. */
export function jsonTexts(values: readonly string[]): Sql {
  return text(JSON.stringify(values.map(checked)));
}

export function jsonTuples(tuples: readonly (readonly string[])[]): Sql {
  return text(JSON.stringify(tuples.map((tuple) => tuple.map(checked))));
}

export function integer(value: number | bigint): Sql {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new Error(`no integer: ${value}`);
  return String(value) as Sql;
}

export function decimal(value: Decimal): Sql {
  return `CAST('${formatDecimal(value)}' AS DECIMAL(38,12))` as Sql;
}

export function join(parts: readonly Sql[], separator: Sql = COMMA): Sql {
  return parts.join(separator) as Sql;
}

export const COMMA: Sql = sql`, `;

function checked(value: string): string {
  if (value.includes('\0') || !value.isWellFormed()) {
    throw costError('BAD_FILTER', {
      reason: 'A text holds NUL or half of a surrogate pair',
      hint: 'Remove that character: no value of a charge has it.',
    });
  }
  return value;
}
