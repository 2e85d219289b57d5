/** The parameters of a GraphQL request, from the body of a POST or the query string of a GET. */
import { GraphQLError } from 'graphql';
import type { GraphQLParams } from 'graphql-yoga';

import { costError } from '../core/errors.ts';

/** @throws BAD_REQUEST where it is no UTF-8 or no JSON object */
export function paramsOfBody(body: Buffer): GraphQLParams {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch (error) {
    throw badRequest('The body is not UTF-8', 'Encode it as UTF-8.', error);
  }
  return parseObject('The body', text);
}

/** @throws BAD_REQUEST where variables or extensions are no JSON objects */
export function paramsOfUrl(url: string): GraphQLParams {
  const search = new URLSearchParams(url.slice(url.indexOf('?') + 1));
  const params: Record<string, unknown> = {};
  for (const name of ['query', 'operationName', 'documentId']) {
    const value = search.get(name);
    if (value) params[name] = value;
  }
  for (const name of ['variables', 'extensions']) {
    const value = search.get(name);
    if (value) params[name] = parseObject(`The parameter ${name}`, value);
  }
  return params;
}

function parseObject(what: string, text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badRequest(`${what} is no JSON`, 'Send {"query": "…", "variables": {…}}.', error);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>; // Any object of JSON is one.
  }
  throw badRequest(`${what} is no JSON object`, 'Send one operation: {"query": "…", "variables": {…}}.');
}

/** What is no request of GraphQL at all is 400 for every asker; what GraphQL refuses is 200 for some. */
function badRequest(reason: string, hint: string, cause?: unknown): GraphQLError {
  const originalError = costError('BAD_REQUEST', { reason, hint }, cause);
  return new GraphQLError(reason, { originalError, extensions: { http: { status: 400, spec: false } } });
}
