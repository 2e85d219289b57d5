/** The HTTP side of the server: which path is whose, who may ask, how large a body may be. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

import type { Authenticate } from '../access/authenticate.ts';
import type { CostError } from '../core/errors.ts';
import { costError, isCostError } from '../core/errors.ts';
import { log } from '../core/log.ts';
import { matchesTag } from './entity-tag.ts';
import { EXPLORER_POLICY, explorerPage } from './explorer-page.ts';
import type { GraphqlServer } from './graphql-server.ts';
import { GRAPHQL_PATH } from './graphql-server.ts';
import type { RequestContext } from './request-context.ts';
import { readRoute } from './request-route.ts';

export const BODY_BYTES_MAX = 1024 ** 2;

/** By part: null where it is ready, else what it waits for. */
export type Readiness = Readonly<Record<string, string | null>>;

export type HttpParts = {
  readonly authenticate: Authenticate;
  readonly readiness: () => Readiness;
  readonly graphql: GraphqlServer;
};

export function createHttpHandler(parts: HttpParts): RequestListener {
  return (request, response) => {
    route(parts, request, response).catch((error: unknown) => {
      log('error', 'http.failed', { error: error instanceof Error ? error.stack : String(error) });
      if (response.headersSent) response.destroy();
      else sendError(response, 500, costError('INTERNAL', {}));
    });
  };
}

async function route(parts: HttpParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.setHeader('x-content-type-options', 'nosniff');
  const path = (request.url ?? '/').replace(/[?#].*$/, '');
  switch (path) {
    case GRAPHQL_PATH:
      if (wantsPage(request)) return servePage(request, response);
      return serveGraphql(parts, request, response);
    case '/':
      return servePage(request, response);
    case '/health/live':
      return serveHealth(request, response, {});
    case '/health/ready':
      return serveHealth(request, response, parts.readiness());
    default:
      return sendError(response, 404, costError('NOT_FOUND', { path }));
  }
}

/** A browser that opens the address; with an operation in it, the answer is wanted. */
function wantsPage({ method, url, headers }: IncomingMessage): boolean {
  return method === 'GET' && !url?.includes('?') && (headers.accept?.includes('text/html') ?? false);
}

async function serveGraphql(
  { authenticate, graphql }: HttpParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const context = await admit(authenticate, request);
  // What is not read is let pass, so that the answer can be received.
  if (context.admission.kind === 'refused') request.resume();
  await graphql.handle(request, response, context);
}

async function admit(authenticate: Authenticate, request: IncomingMessage): Promise<RequestContext> {
  try {
    const { headers } = request;
    const header = (name: string) => headerText(headers[name.toLowerCase()]);
    const principal = await authenticate({ get: header });
    const route = readRoute(header, principal);
    const body = request.method === 'POST' ? await readBody(request) : null;
    return { admission: { kind: 'admitted', principal, route }, body };
  } catch (error) {
    if (isCostError(error)) return { admission: { kind: 'refused', error }, body: null };
    throw error;
  }
}

function headerText(value: string | readonly string[] | undefined): string | null {
  if (value === undefined) return null;
  return typeof value === 'string' ? value : value.join(', ');
}

/**
 * Only JSON: other types a browser sends to us for any page, without asking first.
 * @throws UNSUPPORTED_MEDIA_TYPE, BODY_TOO_LARGE
 */
async function readBody(request: IncomingMessage): Promise<Buffer> {
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw costError('UNSUPPORTED_MEDIA_TYPE', { type });
  }
  checkSize(Number(request.headers['content-length'] ?? 0));
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    // Without an encoding set, a request's stream gives buffers.
    const bytes = chunk as Buffer;
    size += bytes.length;
    checkSize(size);
    chunks.push(bytes);
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, size);
}

function checkSize(actual: number): void {
  if (actual <= BODY_BYTES_MAX) return;
  throw costError('BODY_TOO_LARGE', { what: 'The body', actual, limit: BODY_BYTES_MAX });
}

async function servePage(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (refuseMethod(request, response)) return;
  const page = await explorerPage(GRAPHQL_PATH);
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.setHeader('content-security-policy', EXPLORER_POLICY);
  response.setHeader('cache-control', 'no-cache');
  response.setHeader('vary', 'accept-encoding');
  response.setHeader('etag', page.tag);
  if (matchesTag(request.headers['if-none-match'] ?? '', page.tag)) {
    response.writeHead(304).end();
    return;
  }
  const isGzip = /\bgzip\b/.test(headerText(request.headers['accept-encoding']) ?? '');
  if (isGzip) response.setHeader('content-encoding', 'gzip');
  response.end(isGzip ? page.gzipped : page.html);
}

function serveHealth(request: IncomingMessage, response: ServerResponse, readiness: Readiness): void {
  if (refuseMethod(request, response)) return;
  const isReady = Object.values(readiness).every((reason) => reason === null);
  const parts = Object.entries(readiness).map(([part, reason]) => [part, reason ?? 'ready']);
  sendJson(response, isReady ? 200 : 503, { ready: isReady, parts: Object.fromEntries(parts) });
}

function refuseMethod({ method = '', url = '' }: IncomingMessage, response: ServerResponse): boolean {
  if (method === 'GET' || method === 'HEAD') return false;
  response.setHeader('allow', 'GET, HEAD');
  sendError(response, 405, costError('METHOD_NOT_ALLOWED', { method, path: url }));
  return true;
}

function sendError(response: ServerResponse, status: number, { code, message, hint }: CostError): void {
  sendJson(response, status, { code, message, hint });
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.setHeader('cache-control', 'no-store');
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
  response.end(JSON.stringify(body));
}
