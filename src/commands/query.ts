import { readFile } from 'node:fs/promises';

import { scopes } from '../access/scopes.ts';
import { readConfig } from '../config.ts';
import type { ErrorCode } from '../core/errors.ts';
import { CostError } from '../core/errors.ts';
import type { RequestContext } from '../schema/request-context.ts';
import { anyRoute } from '../schema/request-route.ts';
import { openEngine, openGraphql } from '../server.ts';
import type { Io, Usage } from './command.ts';
import { readTenants } from './open-deployment.ts';
import { parseArguments, usageError } from './parse-arguments.ts';

export const usage = {
  options: {
    tenant: { kind: 'text', value: 'T', isRequired: true, help: 'whose costs are asked for' },
    variables: { kind: 'text', value: 'JSON', isRequired: false, help: 'the variables of the operation' },
  },
  operands: { name: 'FILE', min: 1, max: 1 },
  examples: [
    'query --tenant demo costs.graphql',
    `query --tenant demo --variables '{"month": "2018-10"}' costs.graphql`,
  ],
} as const satisfies Usage;

type Response = {
  readonly errors?: readonly {
    readonly message: string;
    readonly extensions: { readonly code: ErrorCode; readonly hint: string };
  }[];
};

/** Prints what the server would answer; fails with the first error of it. */
export async function run(args: readonly string[], io: Io): Promise<void> {
  const { options, operands } = parseArguments(usage, args);
  const query = await readOperation(operands[0] ?? '');
  const variables = options.variables === null ? undefined : parseVariables(options.variables);
  const config = readConfig(io.environment);
  await using opened = await openEngine(config);
  const [tenant] = await readTenants(opened.control, options.tenant);
  if (tenant === undefined) throw new Error('a tenant that was asked for is found or refused');
  const graphql = await openGraphql(config, () => opened.engine);
  const context: RequestContext = {
    admission: {
      kind: 'admitted',
      principal: { tenant, subject: 'cli', scopes: new Set(scopes) },
      route: anyRoute,
    },
    body: Buffer.from(JSON.stringify({ query, variables })),
  };
  const response = await graphql.fetch('http://localhost/graphql', { method: 'POST' }, context);
  const text = await response.text();
  const answer = JSON.parse(text) as Response; // The shape that the server gives every answer.
  io.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
  const [error] = answer.errors ?? [];
  if (error) {
    const { code, hint } = error.extensions;
    throw new CostError(code, 'caller', error.message.replace(/\.$/, ''), hint, undefined);
  }
}

async function readOperation(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw usageError(`The operation cannot be read: ${reason}`, 'Name a file that holds it.');
  }
}

function parseVariables(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw usageError('--variables is no JSON', `Write --variables '{"month": "2018-10"}'.`);
  }
}
