import { Temporal } from 'temporal-polyfill';

import { issueToken } from '../access/issue-token.ts';
import type { Scope } from '../access/scopes.ts';
import { isScope, scopes } from '../access/scopes.ts';
import { readConfig } from '../config.ts';
import { costError } from '../core/errors.ts';
import { tenantId } from '../core/ids.ts';
import { nearNames } from '../core/near.ts';
import type { Io, Usage } from './command.ts';
import { didYouMean, parseArguments, usageError } from './parse-arguments.ts';

const TTL_DEFAULT = 'PT1H';
const TTL_SECONDS_MAX = 366 * 86_400;

export const usage = {
  options: {
    tenant: { kind: 'text', value: 'T', isRequired: true, help: 'whose costs it opens' },
    scope: {
      kind: 'text',
      value: 'SCOPES',
      isRequired: true,
      help: `what it allows, separated by commas: ${scopes.join(', ')}`,
    },
    ttl: {
      kind: 'text',
      value: 'DURATION',
      isRequired: false,
      help: `how long it is good for, ISO 8601, at most P366D; default ${TTL_DEFAULT}`,
    },
    subject: { kind: 'text', value: 'NAME', isRequired: false, help: 'whom it is for; default: cli' },
  },
  operands: null,
  examples: [
    'token --tenant demo --scope read',
    'token --tenant demo --scope read,write --ttl P30D --subject nightly-import',
  ],
} as const satisfies Usage;

/** Prints the token alone, so that it can be captured. */
export async function run(args: readonly string[], io: Io): Promise<void> {
  const { options } = parseArguments(usage, args);
  const tenant = tenantId(options.tenant);
  if (tenant === null) throw costError('BAD_NAME', { what: 'tenant name', value: options.tenant });
  const claims = {
    tenant,
    subject: options.subject ?? 'cli',
    scopes: parseScopes(options.scope),
    ttlSeconds: parseTtl(options.ttl ?? TTL_DEFAULT),
  };
  const { access } = readConfig(io.environment);
  if (access.kind !== 'secret') {
    throw costError('BAD_CONFIG', {
      name: 'COSTGRAPH_AUTH_SECRET',
      value: '(unset)',
      allowed: 'the secret that the server was started with',
    });
  }
  io.stdout.write(`${await issueToken(claims, access.secret)}\n`);
}

function parseScopes(text: string): Scope[] {
  return text.split(',').map((part) => {
    const name = part.trim();
    if (isScope(name)) return name;
    const near = nearNames(name, scopes);
    throw usageError(`"${name}" is no scope`, didYouMean(near.length > 0 ? near : scopes));
  });
}

function parseTtl(text: string): number {
  const seconds = durationSeconds(text);
  if (seconds !== null && seconds >= 1 && seconds <= TTL_SECONDS_MAX) return seconds;
  throw usageError(
    `--ttl "${text}" is no duration from 1 second to 366 days`,
    'Write it as in PT1H or P30D.',
  );
}

/** Whole seconds from now on, because months differ; null where the text is no ISO 8601 duration. */
function durationSeconds(text: string): number | null {
  try {
    const relativeTo = Temporal.Now.zonedDateTimeISO('UTC');
    return Math.floor(Temporal.Duration.from(text).total({ unit: 'seconds', relativeTo }));
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
