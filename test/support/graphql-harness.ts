/** GraphQL over HTTP in this process: the server with its limits and errors, on a socket of the loopback interface. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Authenticate } from '../../src/access/authenticate.ts';
import { createAuthenticate } from '../../src/access/authenticate.ts';
import type { CostEngine } from '../../src/execute/engine.ts';
import { createGraphqlServer } from '../../src/schema/graphql-server.ts';
import type { Readiness } from '../../src/schema/http-handler.ts';
import { createHttpHandler } from '../../src/schema/http-handler.ts';
import type { TrustedDocuments } from '../../src/schema/persisted-operations.ts';

export const NOW = Date.UTC(2018, 10, 15, 12);

/** The response as JSON: tests know what they asked for. */
// oxlint-disable-next-line typescript/no-explicit-any
type Json = any;
export type GraphqlResult = {
  readonly data: Json;
  readonly errors?: readonly {
    readonly message: string;
    readonly path?: readonly (string | number)[];
    readonly extensions: { readonly code: string; readonly hint: string };
  }[];
};

export type Harness = {
  readonly url: string;
  readonly ask: (query: string, variables?: Record<string, unknown>) => Promise<GraphqlResult>;
  readonly close: () => Promise<void>;
};

export async function startGraphql(
  engine: CostEngine | (() => CostEngine),
  options: {
    readonly authenticate?: Authenticate;
    readonly readiness?: () => Readiness;
    readonly trustedDocuments?: TrustedDocuments;
  } = {},
): Promise<Harness> {
  const graphql = createGraphqlServer({
    engine: typeof engine === 'function' ? engine : () => engine,
    trustedDocuments: options.trustedDocuments ?? new Map(),
    timeLimitMs: 10_000,
    clock: () => NOW,
  });
  const handler = createHttpHandler({
    authenticate: options.authenticate ?? createAuthenticate({ kind: 'open' }),
    readiness: options.readiness ?? (() => ({})),
    graphql,
  });
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // A server on a port has one.
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    ask: async (query, variables) => {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query, variables }),
      });
      return (await response.json()) as GraphqlResult;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
