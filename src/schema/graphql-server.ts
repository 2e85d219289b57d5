/** GraphQL over HTTP: Yoga with the schema, the limits, errors by code, stored operations and entity tags. */
import type { Plugin, YogaInitialContext, YogaServerInstance } from 'graphql-yoga';
import { createYoga } from 'graphql-yoga';
import type { DocumentNode, GraphQLError } from 'graphql';
import { Kind, getOperationAST } from 'graphql';

import { requireScope } from '../access/scopes.ts';
import type { Instant } from '../core/time-range.ts';
import type { CostEngine } from '../execute/engine.ts';
import { boundedStore } from './bounded-store.ts';
import { schema } from './build-schema.ts';
import { checkComplexity } from './complexity.ts';
import type { Context } from './context.ts';
import { checkDocument, parseWithinLimits } from './document-limits.ts';
import { matchesTag, tagOfOperation, tagOfResult } from './entity-tag.ts';
import { errorToGraphql } from './error-to-graphql.ts';
import type { TrustedDocuments } from './persisted-operations.ts';
import { persistedOperations } from './persisted-operations.ts';
import { insertPlainLists, noPlainLists } from './plain-lists.ts';
import type { RequestContext } from './request-context.ts';
import { admittedOf, principalOf } from './request-context.ts';
import { paramsOfBody, paramsOfUrl } from './request-params.ts';
import { mayBeKnown } from './request-route.ts';

export const GRAPHQL_PATH = '/graphql';
/** Characters of documents that are kept parsed. */
const DOCUMENTS_SIZE_MAX = 4 * 1024 ** 2;

export type GraphqlOptions = {
  /** @throws NOT_READY as long as there is none */
  readonly engine: () => CostEngine;
  readonly trustedDocuments: TrustedDocuments;
  /** What one operation may take. */
  readonly timeLimitMs: number;
  readonly clock: () => Instant;
};
export type GraphqlServer = YogaServerInstance<RequestContext, Context>;

export function createGraphqlServer(options: GraphqlOptions): GraphqlServer {
  return createYoga<RequestContext, Context>({
    schema,
    graphqlEndpoint: GRAPHQL_PATH,
    context: (initial) => makeContext(options, initial),
    plugins: [
      readRequests,
      ...persistedOperations(options.trustedDocuments),
      limitDocuments,
      execution,
      entityTags,
      errorsByCode,
    ],
    // The page at / is the explorer; bodies are read, bounded and parsed before Yoga; errors are shaped by us.
    graphiql: false,
    landingPage: false,
    maxRequestBodySize: false,
    multipart: false,
    cors: false,
    batching: false,
    maskedErrors: false,
    logging: false,
    parserAndValidationCache: {
      documentCache: boundedStore<DocumentNode>(DOCUMENTS_SIZE_MAX, (text) => text.length),
      errorCache: boundedStore<Error>(DOCUMENTS_SIZE_MAX, (text) => text.length),
    },
    extraParamNames: ['documentId'],
  });
}

function makeContext(
  { engine, timeLimitMs, clock }: GraphqlOptions,
  initial: YogaInitialContext & RequestContext,
): Context {
  const started = performance.now();
  const { principal, route } = admittedOf(initial);
  return {
    engine: engine(),
    principal,
    route,
    now: clock(),
    signal: initial.request.signal,
    elapsedMs: () => performance.now() - started,
    timeLimitMs,
    bindings: new Map(),
    plainLists: noPlainLists(),
    drillDowns: { rows: 0 },
  };
}

type YogaPlugin = Plugin<Context, RequestContext, Context>;

const readRequests: YogaPlugin = {
  onRequestParse: ({ request, serverContext, setRequestParser }) => {
    principalOf(serverContext);
    const { body } = serverContext;
    setRequestParser(() => (body === null ? paramsOfUrl(request.url) : paramsOfBody(body)));
  },
};

/** Documents within the limits; each is checked once, however often it is asked. */
const checked = new WeakSet<DocumentNode>();

const limitDocuments: YogaPlugin = {
  onParse: ({ setParseFn }) => {
    setParseFn(parseWithinLimits);
    return ({ result }) => {
      if (!result || result instanceof Error || checked.has(result)) return;
      checkDocument(result);
      checked.add(result);
    };
  },
};

const execution: YogaPlugin = {
  onExecute: ({ args }) => {
    const context: Context = args.contextValue;
    requireScope(context.principal, 'read');
    const operation = getOperationAST(args.document, args.operationName);
    if (operation) {
      checkComplexity(operation, {
        schema,
        fragments: fragmentsOf(args.document),
        variables: args.variableValues ?? {},
      });
    }
    return {
      onExecuteDone: ({ result }) => {
        if (!(Symbol.asyncIterator in result)) insertPlainLists(result, context.plainLists);
      },
    };
  },
};

function fragmentsOf(document: DocumentNode) {
  return Object.fromEntries(
    document.definitions.flatMap((definition) =>
      definition.kind === Kind.FRAGMENT_DEFINITION ? [[definition.name.value, definition]] : [],
    ),
  );
}

/**
 * An asker who has the answer of this version is told so, and nothing is run. By POST as well: a body that
 * asks changes nothing, and whoever sends If-None-Match with it wants this. Not where they want to see it answered.
 */
const entityTags: YogaPlugin = {
  onExecute: async ({ args, setResultAndStopExecution }) => {
    const context: Context = args.contextValue;
    const known = mayBeKnown(context.route) ? args.contextValue.request.headers.get('if-none-match') : null;
    const tag = known === null ? null : await tagOfOperation(args, context);
    if (known !== null && tag !== null && matchesTag(known, tag)) {
      setResultAndStopExecution({ extensions: { http: { status: 304, headers: tagHeaders(tag) } } });
      return undefined;
    }
    return {
      onExecuteDone: async ({ result, setResult }) => {
        if (Symbol.asyncIterator in result) return;
        const tag = await tagOfResult(result, context);
        if (tag !== null)
          setResult({ ...result, extensions: { ...result.extensions, http: { headers: tagHeaders(tag) } } });
      },
    };
  },
  onResponse: ({ response, setResponse, fetchAPI }) => {
    if (response.status !== 304) return;
    setResponse(new fetchAPI.Response(null, { status: 304, headers: response.headers }));
  },
};

function tagHeaders(tag: string): Record<string, string> {
  return { etag: tag, 'cache-control': 'private, no-cache', vary: 'accept, authorization' };
}

const errorsByCode: YogaPlugin = {
  onResultProcess: ({ result, setResult }) => {
    if (Array.isArray(result) || Symbol.asyncIterator in result || !result.errors?.length) return;
    const hasData = 'data' in result && result.data !== undefined;
    const errors = result.errors.map((error: GraphQLError) => errorToGraphql(error, hasData));
    setResult({ ...result, errors });
  },
};
