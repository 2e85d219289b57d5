import { Kind } from 'graphql';
import type { ValueNode } from 'graphql';
import { Temporal } from 'temporal-polyfill';

import { parseDecimal } from '../core/decimal.ts';
import { costError } from '../core/errors.ts';
import { builder } from './builder.ts';

/** A JSON number of more digits may have been another one in the text that it was read from. */
const EXACT_DIGITS_MAX = 15;
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})$/i;
const DIMENSION_KEY_LENGTH_MAX = 256;

builder.scalarType('Decimal', {
  description: 'Exact decimal as a string, never a float. Money has 12 decimal places: "8368.366922550100".',
  serialize: String,
  parseValue: (value) => checkDecimal(typeof value === 'number' ? textOfNumber(value) : asText(value)),
  parseLiteral: (node) => checkDecimal(textOfLiteral(node, [Kind.STRING, Kind.INT, Kind.FLOAT])),
});

text('DateTime', 'RFC 3339 instant in UTC.', (value) => {
  if (!INSTANT.test(value) || Number.isNaN(Date.parse(value))) {
    throw badValue(`"${value}" is no RFC 3339 instant`, 'Write it as in 2018-10-01T00:00:00Z.');
  }
});

text('Duration', 'ISO 8601 duration, e.g. P30D, PT6H.', (value) => {
  try {
    Temporal.Duration.from(value);
  } catch {
    throw badValue(`"${value}" is no ISO 8601 duration`, 'Write it as in P30D or PT6H.');
  }
});

text(
  'DimensionKey',
  "Key of a dimension: a FOCUS column in snake_case (service_name, sub_account_id), a tag (`tag:Application`), or one that the tenant's rules define (team, feature, customer).",
  (value) => {
    if (value.length > DIMENSION_KEY_LENGTH_MAX) {
      const reason = `A dimension key has at most ${DIMENSION_KEY_LENGTH_MAX} characters`;
      throw badValue(reason, 'Query.dimensions lists the keys.');
    }
  },
);

text('CurrencyCode', 'ISO 4217 code.', (value) => {
  if (!/^[A-Z]{3}$/.test(value)) throw badValue(`"${value}" is no ISO 4217 code`, 'Write it as in USD.');
});

text('BigInt', 'Signed 64-bit integer as a string.', (value) => {
  if (!/^-?\d{1,19}$/.test(value)) throw badValue(`"${value}" is no whole number`, 'Write it as in "42".');
});

type TextScalar = 'DateTime' | 'Duration' | 'DimensionKey' | 'CurrencyCode' | 'BigInt';

/** A scalar whose value is text that `check` accepts, or throws BAD_REQUEST for. */
function text(name: TextScalar, description: string, check: (value: string) => void): void {
  const checked = (value: string): string => {
    check(value);
    return value;
  };
  builder.scalarType(name, {
    description,
    serialize: String,
    parseValue: (value) => checked(asText(value)),
    parseLiteral: (node) => checked(textOfLiteral(node, [Kind.STRING])),
  });
}

function asText(value: unknown): string {
  if (typeof value === 'string') return value;
  throw badValue(`${JSON.stringify(value)} is no string`, 'Put it in quotation marks.');
}

function textOfLiteral(node: ValueNode, kinds: readonly Kind[]): string {
  if (kinds.includes(node.kind) && 'value' in node && typeof node.value === 'string') return node.value;
  throw badValue('It is no string', 'Put it in quotation marks.');
}

function textOfNumber(value: number): string {
  const digits = String(value).replace(/^-?0*\.?0*|e.*$|\./g, '').length;
  if (Number.isFinite(value) && digits <= EXACT_DIGITS_MAX) return String(value);
  const reason = `A number of more than ${EXACT_DIGITS_MAX} digits is not exact in JSON`;
  throw badValue(reason, 'Send it as a string.');
}

function checkDecimal(value: string): string {
  if (parseDecimal(value) === null)
    throw badValue(`"${value}" is no decimal number`, 'Write it as in "12.50".');
  return value;
}

/** GraphQL puts before it where the value stands. */
function badValue(reason: string, hint: string): Error {
  return costError('BAD_REQUEST', { reason, hint });
}
