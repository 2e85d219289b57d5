/**
 * From whatever was thrown to what a caller may read: a code, what happened, what to do next. Nothing else in
 * this folder shapes errors. Of an unknown error the caller learns nothing; the log learns all.
 */
import { GraphQLError } from 'graphql';

import type { CostError, ErrorCode } from '../core/errors.ts';
import { costError, isCostError } from '../core/errors.ts';
import { log } from '../core/log.ts';

/** How a request that got no data is answered in HTTP, where not by 400. */
const statusOf: Partial<Record<ErrorCode, number>> = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  LOCAL_ONLY: 403,
  BODY_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  INTERNAL: 500,
  STORE_FAILED: 503,
  NOT_READY: 503,
  OVERLOADED: 503,
};
/** Those that say what is wrong with the operation: 200 for askers that expect plain JSON (GraphQL over HTTP). */
const OF_THE_OPERATION: readonly ErrorCode[] = [
  'BAD_REQUEST',
  'QUERY_TOO_DEEP',
  'QUERY_TOO_COMPLEX',
  'PERSISTED_QUERY_NOT_FOUND',
];
/** Their texts name the server's own files: for its operators, in the log. */
const NAMES_FILES: readonly ErrorCode[] = ['TABLE_DAMAGED', 'TABLE_UNSUPPORTED'];
const RETRY_AFTER_SECONDS = '1';

type HttpExtension = {
  readonly status?: number;
  readonly spec?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
};

/** @param hasData whether the operation was executed: then the HTTP status stays 200 */
export function errorToGraphql(error: GraphQLError, hasData: boolean): GraphQLError {
  const cause = causeOf(error);
  const shown = shownError(cause, error);
  const http = hasData ? undefined : httpOf(shown, error);
  return new GraphQLError(shown.message, {
    nodes: error.nodes ?? null,
    source: error.source ?? null,
    positions: error.positions ?? null,
    path: error.path ?? null,
    extensions: { ...shown.facts, code: shown.code, hint: shown.hint, ...(http && { http }) },
  });
}

type Shown = Pick<CostError, 'code' | 'message' | 'hint' | 'facts'>;

function shownError(cause: unknown, error: GraphQLError): Shown {
  if (isCostError(cause)) {
    if (cause.fault !== 'caller') logCause(cause);
    if (NAMES_FILES.includes(cause.code))
      return costError('STORE_FAILED', { store: 'The lake', reason: 'a table cannot be read' });
    // Of a value that a scalar refused, GraphQL's message says where it stands.
    return { code: cause.code, message: error.message, hint: cause.hint, facts: cause.facts };
  }
  // GraphQL's own: syntax, validation, variables, the shape of the request.
  if (cause instanceof GraphQLError) {
    const reason = error.message.replace(/\.$/, '');
    return costError('BAD_REQUEST', { reason, hint: 'The schema is at / and in schema.graphql.' });
  }
  logCause(cause);
  return costError('INTERNAL', {});
}

function causeOf(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError ? causeOf(error.originalError) : error;
}

function httpOf({ code }: Shown, error: GraphQLError): HttpExtension {
  // Yoga says here what else HTTP asks for, as in the Allow header of a wrong method.
  const given = error.extensions['http'] as HttpExtension | undefined;
  const status = statusOf[code] ?? given?.status ?? 400;
  const spec = given?.spec ?? (given?.status === undefined && OF_THE_OPERATION.includes(code));
  const headers = {
    ...given?.headers,
    ...(code === 'UNAUTHENTICATED' && { 'www-authenticate': 'Bearer' }),
    ...(status === 503 && { 'retry-after': RETRY_AFTER_SECONDS }),
  };
  return { status, spec, headers };
}

function logCause(error: unknown): void {
  const stack = error instanceof Error ? error.stack : String(error);
  const cause = error instanceof Error && error.cause !== undefined ? describe(error.cause) : undefined;
  log('error', 'graphql.failed', { error: stack, cause });
}

function describe(cause: unknown): string {
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
}
