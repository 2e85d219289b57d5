/**
 * Every error that costgraph answers with, in one catalogue: code, whose fault it is, what happened
 * (with the values) and what to do next. Codes are API: never renamed, never reused. Callers and
 * tests match `error.code`.
 */

import { formatInstant } from './time-range.ts';

/** Whose move it is: the caller's, a store's or operator's, or ours. */
export type Fault = 'caller' | 'store' | 'bug';

type Entry<Details> = {
  readonly fault: Fault;
  readonly message: (details: Details) => string;
  readonly hint: (details: Details) => string;
  readonly facts: (details: Details) => Facts;
};
/** What programs may read of an error beside its code; callers see them, so they hold nothing of the server's own. */
export type Facts = Readonly<Record<string, string>>;

function entry<Details>(
  fault: Fault,
  message: (details: Details) => string,
  hint: (details: Details) => string,
  facts: (details: Details) => Facts = () => ({}),
): Entry<Details> {
  return { fault, message, hint, facts };
}

function didYouMean(near: readonly string[], otherwise: string): string {
  return near.length > 0 ? `Did you mean ${near.join(' or ')}?` : otherwise;
}

const LIST_NAMED_MAX = 20;

function shortList(items: readonly string[]): string {
  const more = items.length - LIST_NAMED_MAX;
  return `${items.slice(0, LIST_NAMED_MAX).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

type Reason = { readonly reason: string; readonly hint: string };
type Limit = { readonly what: string; readonly actual: number | string; readonly limit: number };

const catalogue = {
  // Questions
  UNKNOWN_DIMENSION: entry(
    'caller',
    (d: { key: string; near: readonly string[] }) => `No dimension has the key "${d.key}"`,
    (d) => didYouMean(d.near, 'Query.dimensions lists the keys; tags are written tag:NAME.'),
  ),
  UNKNOWN_STREAM: entry(
    'caller',
    (d: { name: string; near: readonly string[] }) => `No driver data is loaded into a stream "${d.name}"`,
    (d) => didYouMean(d.near, 'Load it by costgraph telemetry, or loadTelemetry.'),
  ),
  BAD_PERIOD: entry(
    'caller',
    (d: Reason) => d.reason,
    (d) => d.hint,
  ),
  BAD_TIME_ZONE: entry(
    'caller',
    (d: { zone: string; near: readonly string[] }) => `"${d.zone}" is no IANA time zone`,
    (d) => didYouMean(d.near, 'Write it as in Europe/Berlin or UTC.'),
  ),
  BAD_FILTER: entry(
    'caller',
    (d: Reason) => d.reason,
    (d) => d.hint,
  ),
  BAD_QUERY: entry(
    'caller',
    (d: Reason) => d.reason,
    (d) => d.hint,
  ),
  BAD_PAGE: entry(
    'caller',
    (d: Reason) => d.reason,
    (d) => d.hint,
  ),
  BAD_CURSOR: entry(
    'caller',
    (d: { reason: string }) => `The cursor cannot be used: ${d.reason}`,
    () => 'Pass endCursor of the page before, with the same query, unchanged.',
  ),
  BAD_KNOWLEDGE: entry(
    'caller',
    (d: Reason) => d.reason,
    (d) => d.hint,
  ),
  VERSION_EXPIRED: entry(
    'caller',
    (d: { version: string }) =>
      `The state of version "${d.version}" is not retained, or is not of this query`,
    () => 'Ask again without knowledge.version (and without a cursor) for the newest state.',
  ),
  MIXED_CURRENCIES: entry(
    'caller',
    (d: { currencies: readonly string[] }) =>
      `The charges are in more than one currency: ${d.currencies.join(', ')}`,
    () => 'Filter or group by billing_currency, or set currency and load rates.',
  ),
  NO_EXCHANGE_RATE: entry(
    'caller',
    (d: { base: string; quote: string }) => `There is no exchange rate from ${d.base} to ${d.quote}`,
    () => 'Load rates, or ask without currency.',
  ),
  TOO_LARGE: entry(
    'caller',
    (d: Limit) => `${d.what}: ${d.actual} is over the limit of ${d.limit}`,
    () => 'Narrow the period or the filter, use top, or ask for a smaller page.',
  ),
  SHARES_TOO_LARGE: entry(
    'caller',
    (d: { splits: readonly string[] }) =>
      `Costs cannot be shared out exactly by ${shortList(d.splits.map((name) => `"${name}"`))}: what they cost times the weights is over 2^127 (in units of 10^-12 each)`,
    () => 'Load the driver data in larger units, or write smaller weights; splits NONE answers without.',
  ),
  QUERY_TOO_DEEP: entry(
    'caller',
    (d: Limit) => `${d.what}: ${d.actual} is over the limit of ${d.limit}`,
    () => 'Nest fewer selections.',
  ),
  QUERY_TOO_COMPLEX: entry(
    'caller',
    (d: Limit) => `${d.what}: ${d.actual} is over the limit of ${d.limit}`,
    () => 'Select fewer fields, smaller pages or fewer aliases, or split the operation.',
  ),
  QUERY_TOO_EXPENSIVE: entry(
    'caller',
    (d: Reason & { facts: Facts }) => d.reason,
    (d) => d.hint,
    (d) => d.facts,
  ),
  BODY_TOO_LARGE: entry(
    'caller',
    (d: Limit) => `${d.what}: ${d.actual} bytes, the limit is ${d.limit}`,
    () => 'Send a smaller request, or a persisted operation.',
  ),
  UNSUPPORTED_MEDIA_TYPE: entry(
    'caller',
    (d: { type: string }) => `The content type of the request is "${d.type}"`,
    () => 'Send Content-Type: application/json.',
  ),
  METHOD_NOT_ALLOWED: entry(
    'caller',
    (d: { method: string; path: string }) => `${d.method} is not for ${d.path}`,
    () => 'The header Allow of this answer lists what is.',
  ),
  NOT_FOUND: entry(
    'caller',
    (d: { path: string }) => `There is nothing at ${d.path}`,
    () => 'The API is at /graphql, the explorer at /.',
  ),
  BAD_REQUEST: entry(
    'caller',
    (d: Reason) => d.reason,
    (d) => d.hint,
  ),
  PERSISTED_QUERY_NOT_FOUND: entry(
    'caller',
    (d: { id: string }) => `No operation is stored under "${d.id}"`,
    () => 'Send its text beside the hash once; after that the hash alone is enough.',
  ),
  DEADLINE_EXCEEDED: entry(
    'caller',
    (d: { ms: number }) => `The query did not finish within ${d.ms} ms`,
    () => 'Narrow the period or raise the deadline.',
  ),
  STORE_UNABLE: entry(
    'caller',
    (d: { store: string; reason: string }) => `${d.store} cannot answer this: ${d.reason}`,
    () => 'Ask without the header Costgraph-Force-Store.',
  ),
  OVERLOADED: entry(
    'store',
    (d: { waiting: number }) => `${d.waiting} queries are waiting`,
    () => 'Try again in a moment.',
  ),
  NOT_READY: entry(
    'store',
    (d: { waitingFor: string }) => `The server is starting: ${d.waitingFor}`,
    () => 'Try again in a moment; /health/ready says when.',
  ),
  // Access
  UNAUTHENTICATED: entry(
    'caller',
    (d: { reason: string }) => d.reason,
    () => 'Send Authorization: Bearer TOKEN; "costgraph token" makes one.',
  ),
  FORBIDDEN: entry(
    'caller',
    (d: { needs: string }) => `The token lacks the scope "${d.needs}"`,
    (d) => `Ask for a token with the scope ${d.needs}.`,
  ),
  LOCAL_ONLY: entry(
    'caller',
    (d: { header: string; value: string }) =>
      `Without a secret only requests from this machine are answered; ${d.header} is "${d.value}"`,
    () => 'Ask by http://localhost, or set COSTGRAPH_AUTH_SECRET and send a token.',
  ),
  // Loading
  UNKNOWN_FORMAT: entry(
    'caller',
    (d: { file: string; reason: string }) => `${d.file} is of no known format: ${d.reason}`,
    () => 'Known: aws-cur and focus, as CSV, gzip or Parquet; name it with --format.',
  ),
  DAMAGED_FILE: entry(
    'caller',
    (d: { file: string; reason: string }) => `${d.file} cannot be read: ${d.reason}`,
    () => 'Nothing was loaded. Fetch the file again and compare its size.',
  ),
  EMPTY_FILE: entry(
    'caller',
    (d: { file: string }) => `${d.file} has no rows`,
    () => 'Nothing was loaded.',
  ),
  NO_VALID_ROWS: entry(
    'caller',
    (d: { file: string; rows: number; code: string; reason: string }) =>
      `None of the ${d.rows} rows of ${d.file} could be loaded; the first: ${d.code} ${d.reason}`,
    () => 'Nothing was loaded. Check the format and the separators.',
  ),
  COVERS_LESS: entry(
    'caller',
    (d: { source: string; month: string; live: string; asked: string }) =>
      `The new version of ${d.source} ${d.month} covers ${d.asked}, the live one ${d.live}`,
    () => 'Load the whole month, use --mode append for an increment, or --force.',
  ),
  BAD_TELEMETRY: entry(
    'caller',
    (d: Reason) => d.reason,
    (d) => d.hint,
  ),
  BAD_TELEMETRY_ROWS: entry(
    'caller',
    (d: { file: string; rows: number; bad: number; sample: readonly string[] }) =>
      `${d.bad} of the ${d.rows} rows of ${d.file} cannot be loaded: ${d.sample.join('; ')}${d.bad > d.sample.length ? '; …' : ''}`,
    () => 'Nothing was loaded: driver data must be whole. Mend the rows and load all of them.',
  ),
  BAD_NAME: entry(
    'caller',
    (d: { what: string; value: string }) => `"${d.value}" is no ${d.what}`,
    () => 'Lower-case letters, digits, "-" and "_", at most 63, the first a letter or digit.',
  ),
  BAD_ROLLUP: entry(
    'caller',
    (d: Reason) => d.reason,
    (d) => d.hint,
  ),
  ROLLUP_EXISTS: entry(
    'caller',
    (d: { name: string; isSame: boolean }) =>
      d.isSame ? `The rollup "${d.name}" holds the same` : `There is a rollup "${d.name}" already`,
    (d) => (d.isSame ? 'Use that one.' : 'Take another name, or drop that one before.'),
  ),
  UNKNOWN_ROLLUP: entry(
    'caller',
    (d: { name: string; near: readonly string[]; known: readonly string[] }) =>
      `There is no rollup "${d.name}"`,
    (d) => didYouMean(d.near, d.known.length > 0 ? `There are ${d.known.join(', ')}.` : 'There is none.'),
  ),
  // Knowledge
  RULES_CHANGED: entry(
    'caller',
    (d: { base: number; newest: number; by: string }) =>
      `The rules were made from version ${d.base}; version ${d.newest} was published meanwhile${d.by === '' ? '' : ` by ${d.by}`}`,
    (d) => `Look at what version ${d.newest} changed, and publish on its base.`,
  ),
  UNKNOWN_RULES: entry(
    'caller',
    (d: { version: string; newest: number }) => `There is no rule set of version "${d.version}"`,
    (d) => (d.newest === 0 ? 'No rules are published yet.' : `There are versions 1 to ${d.newest}.`),
  ),
  UNKNOWN_CLOSE: entry(
    'caller',
    (d: { name: string; near: readonly string[] }) => `There is no close "${d.name}"`,
    (d) => didYouMean(d.near, 'Query.closes lists them.'),
  ),
  CLOSE_EXISTS: entry(
    'caller',
    (d: { name: string; closedAt: number; by: string }) =>
      `There is a close "${d.name}" already, made at ${formatInstant(d.closedAt)}${d.by === '' ? '' : ` by ${d.by}`}`,
    () => 'A close never changes: take another name.',
  ),
  CLOSE_INCOMPLETE: entry(
    'caller',
    (d: { missing: readonly { source: string; month: string }[] }) =>
      d.missing.length === 0
        ? 'No source has a bill for the period'
        : `Bills are missing: ${shortList(d.missing.map(({ source, month }) => `${source} ${month}`))}`,
    (d) =>
      d.missing.length === 0
        ? 'Load its bills, then close it.'
        : 'Load them first. A source that sends no more bills is waited for some months only.',
  ),
  NOT_CLOSED: entry(
    'caller',
    (d: { period: string; near: readonly string[] }) => `No close covers ${d.period}`,
    (d) =>
      d.near.length > 0
        ? `Close it with closePeriod first; closed are ${shortList(d.near)}.`
        : 'Close it with closePeriod first: statements are made from what never changes.',
  ),
  // Attribution
  BAD_RULES: entry(
    'caller',
    (d: {
      file: string;
      problems: number;
      first: { file: string; line: number; column: number; message: string; hint: string };
    }) =>
      `${d.file} has ${d.problems === 1 ? '1 problem' : `${d.problems} problems`}; the first, ${d.first.file}:${d.first.line}:${d.first.column}: ${d.first.message}`,
    (d) => d.first.hint,
  ),
  DICTIONARY_COLLISION: entry(
    'bug',
    (d: { id: string }) => `Two different attribute sets have the id ${d.id}`,
    () => 'Nothing was loaded. Please report this.',
  ),
  LOAD_MISMATCH: entry(
    'bug',
    (d: { metric: string; expected: string; actual: string }) =>
      `${d.metric}: ${d.expected} were read, ${d.actual} written`,
    () => 'Nothing was loaded. Please report this.',
  ),
  VERIFY_FAILED: entry(
    'store',
    (d: { differences: number; tenants: readonly string[] }) =>
      `${d.differences === 1 ? '1 difference was' : `${d.differences} differences were`} found, of ${d.tenants.join(', ')}`,
    () => 'Keep everything as it is and see docs/runbooks/verify-differs.md.',
  ),
  STORAGE_FULL: entry(
    'store',
    (d: { path: string }) => `There is no room left for ${d.path}`,
    () => 'Nothing was loaded. Free some space and repeat.',
  ),
  // Operation
  BAD_CONFIG: entry(
    'caller',
    (d: { name: string; value: string; allowed: string }) => `${d.name} is "${d.value}"`,
    (d) => `Allowed: ${d.allowed}.`,
  ),
  USAGE: entry(
    'caller',
    (d: Reason) => d.reason,
    (d) => d.hint,
  ),
  STORE_FAILED: entry(
    'store',
    (d: { store: string; reason: string }) => `${d.store} failed: ${d.reason}`,
    () => 'Try again; the log has the details.',
  ),
  COMMIT_CONFLICT: entry(
    'store',
    (d: { table: string }) => `${d.table} was changed by others meanwhile, too often`,
    () => 'Repeat the command.',
  ),
  COMMIT_UNKNOWN: entry(
    'store',
    (d: { table: string }) => `It is not known whether the last change of ${d.table} is in`,
    () => 'Look at the table before repeating; nothing was deleted.',
  ),
  TABLE_DAMAGED: entry(
    'store',
    (d: { file: string; reason: string }) => `${d.file} cannot be read: ${d.reason}`,
    () => 'Restore it from a backup; nothing was changed.',
  ),
  TABLE_UNSUPPORTED: entry(
    'store',
    (d: { table: string; reason: string }) => `${d.table} cannot be used: ${d.reason}`,
    () =>
      'Supported: Iceberg format 2, identity partitions, no delete files. Was it changed by another program?',
  ),
  LOCKED: entry(
    'store',
    (d: { name: string; waitMs: number }) => `Another process holds "${d.name}", for ${d.waitMs} ms and more`,
    () => 'Repeat the command when the other is done; the lock of a crashed process runs out in 15 seconds.',
  ),
  INTERNAL: entry<Record<never, never>>(
    'bug',
    () => 'Something went wrong on our side',
    () => 'The log has the details under this time.',
  ),
};

export type ErrorCode = keyof typeof catalogue;
type DetailsOf<Code extends ErrorCode> = Parameters<(typeof catalogue)[Code]['message']>[0];

export class CostError extends Error {
  readonly code: ErrorCode;
  readonly fault: Fault;
  readonly hint: string;
  readonly facts: Facts;

  constructor(
    code: ErrorCode,
    fault: Fault,
    message: string,
    hint: string,
    cause: unknown,
    facts: Facts = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'CostError';
    this.code = code;
    this.fault = fault;
    this.hint = hint;
    this.facts = facts;
  }
}

export function costError<Code extends ErrorCode>(
  code: Code,
  details: DetailsOf<Code>,
  cause?: unknown,
): CostError {
  // Each entry's functions take exactly DetailsOf<Code>; the union over codes hides that from the compiler.
  const { fault, message, hint, facts } = catalogue[code] as unknown as Entry<DetailsOf<Code>>;
  return new CostError(code, fault, message(details), hint(details), cause, facts(details));
}

export function isCostError(error: unknown): error is CostError {
  return error instanceof CostError;
}
