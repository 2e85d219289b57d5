import type { RollupGrain } from '../catalog/rollups.ts';
import { costError } from '../core/errors.ts';
import type { TenantId } from '../core/ids.ts';
import { nearNames } from '../core/near.ts';
import type { KeptParts } from '../ingest/keep-rollups.ts';
import { buildPartsOf, dropPartsOfUnknown, rebuildParts } from '../ingest/keep-rollups.ts';
import { progressBar } from '../ingest/progress.ts';
import type { RollupFacts } from '../planner/rollup-facts.ts';
import { rollupFacts } from '../execute/rollup-facts.ts';
import type { Io, Usage } from './command.ts';
import type { Deployment } from './open-deployment.ts';
import { openDeployment, readTenants } from './open-deployment.ts';
import { didYouMean, parseArguments, usageError } from './parse-arguments.ts';

export const usage = {
  options: {
    tenant: { kind: 'text', value: 'T', isRequired: true, help: 'whose rollups' },
    name: {
      kind: 'text',
      value: 'N',
      isRequired: false,
      help: 'which one to create, drop or rebuild; rebuild without: all',
    },
    grain: { kind: 'text', value: 'hour|day', isRequired: false, help: 'of a new one' },
    by: {
      kind: 'text',
      value: 'KEYS',
      isRequired: false,
      help: 'dimensions of a new one, separated by commas (a comma in a tag: "\\,")',
    },
    json: { kind: 'flag', help: 'print one JSON object a rollup' },
  },
  operands: { name: 'list|create|drop|rebuild', min: 1, max: 1 },
  examples: [
    'rollups list --tenant demo',
    'rollups create --tenant demo --name teams --grain day --by service_name,tag:team',
    'rollups drop --tenant demo --name teams',
  ],
} as const satisfies Usage;

type Options = ReturnType<typeof parseArguments<typeof usage>>['options'];
type Action = (deployment: Deployment, tenant: TenantId, options: Options, io: Io) => Promise<void>;

const actions: Readonly<Record<string, Action>> = { list, create, drop, rebuild };

export async function run(args: readonly string[], io: Io): Promise<void> {
  const { options, operands } = parseArguments(usage, args);
  const [word = ''] = operands;
  const action = Object.hasOwn(actions, word) ? actions[word] : undefined;
  if (action === undefined) {
    const near = nearNames(word, Object.keys(actions));
    throw usageError(`"${word}" is nothing that is done with rollups`, didYouMean(near));
  }
  await using deployment = await openDeployment(io);
  const [tenant] = await readTenants(deployment.control, options.tenant);
  if (tenant !== undefined) await action(deployment, tenant, options, io);
}

async function list(deployment: Deployment, tenant: TenantId, options: Options, io: Io): Promise<void> {
  const { rollupRowsMax } = deployment;
  const facts = await rollupFacts(deployment, tenant);
  for (const one of facts) io.stdout.write(options.json ? `${JSON.stringify(one)}\n` : formatRollup(one));
  if (options.json) return;
  const rows = facts.reduce((sum, one) => sum + one.rows, 0);
  io.stdout.write(`${rows} of ${rollupRowsMax} rows (COSTGRAPH_ROLLUP_ROWS_MAX)\n`);
}

/** A rollup whose parts cannot all be built is there all the same: `maintain` builds the others. */
async function create(deployment: Deployment, tenant: TenantId, options: Options, io: Io): Promise<void> {
  const name = required(options, 'name');
  const grain = readGrain(required(options, 'grain'));
  const by = readKeys(required(options, 'by'));
  const rollup = await deployment.control.createRollup(tenant, { name, grain, by });
  const bar = progressBar(options.json ? null : io.stderr, `rollup ${name}`, true);
  const kept = await buildPartsOf(deployment, tenant, rollup, (fraction) =>
    bar.onProgress('summing', fraction),
  ).finally(bar.end);
  await report(deployment, tenant, [name], kept, options, io);
}

async function drop(
  { lake, control }: Deployment,
  tenant: TenantId,
  options: Options,
  io: Io,
): Promise<void> {
  const { name } = await control.dropRollup(tenant, required(options, 'name'));
  await dropPartsOfUnknown(lake, control, tenant);
  io.stdout.write(options.json ? `${JSON.stringify({ dropped: name })}\n` : `rollup ${name} is dropped\n`);
}

async function rebuild(deployment: Deployment, tenant: TenantId, options: Options, io: Io): Promise<void> {
  const known = await deployment.control.rollups(tenant);
  const asked = known.filter(({ name }) => options.name === null || name === options.name);
  if (asked.length === 0 && options.name !== null) {
    const names = known.map(({ name }) => name);
    const near = nearNames(options.name, names);
    throw costError('UNKNOWN_ROLLUP', { name: options.name, near, known: names });
  }
  const bar = progressBar(options.json ? null : io.stderr, 'rollups', true);
  const kept = await rebuildParts(deployment, tenant, asked, (fraction) =>
    bar.onProgress('summing', fraction),
  ).finally(bar.end);
  await report(
    deployment,
    tenant,
    asked.map(({ name }) => name),
    kept,
    options,
    io,
  );
}

async function report(
  deployment: Deployment,
  tenant: TenantId,
  names: readonly string[],
  { skipped }: KeptParts,
  options: Options,
  io: Io,
): Promise<void> {
  for (const one of await rollupFacts(deployment, tenant)) {
    if (!names.includes(one.name)) continue;
    io.stdout.write(options.json ? `${JSON.stringify(one)}\n` : formatRollup(one));
  }
  for (const reason of options.json ? [] : skipped) io.stdout.write(`  not built: ${reason}\n`);
}

/** A line for the rollup, and one for each thing to know of it. */
export function formatRollup(facts: RollupFacts): string {
  const { name, grain, attributes, parts, rows, bytes, leftOut, batchesWithout } = facts;
  const lines = [`${name}, by ${grain}: ${rows} rows of ${bytes} bytes in ${parts} parts`];
  lines.push(`  by ${attributes.join(', ')}`);
  for (const one of leftOut) {
    lines.push(`  left out of ${one.parts} parts: ${one.attribute}, ${one.distinct} values`);
  }
  if (batchesWithout.length > 0) lines.push(`  without a part: ${batchesWithout.join(', ')}`);
  return `${lines.join('\n')}\n`;
}

function required(options: Options, name: 'name' | 'grain' | 'by'): string {
  const value = options[name];
  if (value !== null) return value;
  throw usageError(`--${name} ${usage.options[name].value} is missing`, '--help shows examples.');
}

function readGrain(text: string): RollupGrain {
  if (text === 'hour' || text === 'day') return text;
  throw usageError(`--grain "${text}" is neither hour nor day`, 'Write --grain hour or --grain day.');
}

function readKeys(text: string): string[] {
  return text
    .split(/(?<!\\),/)
    .map((key) => key.trim().replaceAll('\\,', ','))
    .filter((key) => key !== '');
}
