/**
 * Operations that are asked for by name or hash instead of text: documents of the operator, and those that
 * callers stored themselves by sending text and hash together once (automatic persisted queries).
 */
import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { usePersistedOperations } from '@graphql-yoga/plugin-persisted-operations';
import type { GraphQLParams, Plugin } from 'graphql-yoga';

import { costError } from '../core/errors.ts';
import { boundedStore } from './bounded-store.ts';
import type { RequestContext } from './request-context.ts';
import { principalOf } from './request-context.ts';

/** Characters, over all tenants. */
export const STORED_SIZE_MAX = 16 * 1024 ** 2;
const ID = /^[\w.-]{1,128}$/;

/** By name of the file without its ending, and by hash. */
export type TrustedDocuments = ReadonlyMap<string, string>;

/** The `.graphql` files of a folder; none where there is no such folder. */
export async function readTrustedDocuments(folder: string): Promise<TrustedDocuments> {
  const documents = new Map<string, string>();
  for (const name of await listFolder(folder)) {
    if (!name.endsWith('.graphql')) continue;
    const text = await readFile(join(folder, name), 'utf8');
    documents.set(basename(name, '.graphql'), text);
    documents.set(sha256(text), text);
  }
  return documents;
}

async function listFolder(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

export function persistedOperations(
  trusted: TrustedDocuments,
): [Plugin<object, RequestContext>, Plugin<RequestContext>] {
  const stored = boundedStore<string>(STORED_SIZE_MAX, (key, text) => key.length + text.length);
  // What one tenant stored is no other's.
  const keyOf = (context: RequestContext, id: string): string => `${principalOf(context).tenant} ${id}`;
  return [
    {
      onParams: ({ params, context }) => {
        const id = idOf(params);
        if (!params.query || id === null) return;
        if (sha256(params.query) !== id) {
          throw badRequest(
            'The hash beside the query is not its SHA-256',
            'Send the hash of this very text.',
          );
        }
        stored.set(keyOf(context, id), params.query);
      },
    },
    usePersistedOperations<RequestContext>({
      allowArbitraryOperations: true,
      extractPersistedOperationId: idOf,
      getPersistedOperation: (id, _request, context) =>
        trusted.get(id) ?? stored.get(keyOf(context, id)) ?? notFound(id),
      customErrors: {
        keyNotFound: () => badRequest('Must provide query string', 'Send query, or documentId.'),
      },
    }),
  ];
}

function notFound(id: string): never {
  throw costError('PERSISTED_QUERY_NOT_FOUND', { id: ID.test(id) ? id : '?' });
}

function badRequest(reason: string, hint: string): Error {
  return costError('BAD_REQUEST', { reason, hint });
}

/** `documentId` of the GraphQL over HTTP proposal, or the extension of automatic persisted queries. */
function idOf(params: GraphQLParams): string | null {
  const extensions: Readonly<Record<string, unknown>> = params.extensions ?? {};
  const { persistedQuery, documentId } = extensions;
  if (isObject(persistedQuery) && typeof persistedQuery['sha256Hash'] === 'string') {
    return persistedQuery['sha256Hash'];
  }
  const id = 'documentId' in params ? params.documentId : documentId;
  return typeof id === 'string' ? id.replace(/^sha256:/, '') : null;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
