import { readConfig } from '../config.ts';
import type { DayUse, LimitName, Limits, OwnLimits } from '../core/limits.ts';
import { dailyNames, formatLimit, limitForm, limitNames, parseLimit } from '../core/limits.ts';
import { utcDay } from '../execute/day-ledger.ts';
import type { Io, Option, Usage } from './command.ts';
import { openDeployment, readTenants } from './open-deployment.ts';
import { parseArguments, usageError } from './parse-arguments.ts';

function limit(value: 'N' | 'X', help: string) {
  return { kind: 'text', value, isRequired: false, help } as const satisfies Option;
}

export const usage = {
  options: {
    tenant: { kind: 'text', value: 'T', isRequired: true, help: 'whose queries' },
    'query-bytes': limit('N', 'compressed bytes that a query may read'),
    'query-rows': limit('N', 'rows of charges or rollups that a query may read'),
    'query-groups': limit('N', 'rows that a query may take out of the stores'),
    'query-usd': limit('X', 'US dollars that a query may cost, by the prices of the stores'),
    'query-ms': limit('N', 'milliseconds that a query may take in the stores'),
    'daily-bytes': limit('N', 'bytes of all queries of a UTC day'),
    'daily-usd': limit('X', 'US dollars of all queries of a UTC day'),
    'daily-ms': limit('N', 'milliseconds of all queries of a UTC day'),
    clear: { kind: 'flag', help: 'first forget what the tenant has of its own' },
    json: { kind: 'flag', help: 'print one JSON object' },
  },
  operands: null,
  examples: [
    'limits --tenant demo',
    'limits --tenant demo --query-bytes 2000000000 --daily-usd 0.5',
    'limits --tenant demo --clear',
  ],
} as const satisfies Usage;

/** Changes what is asked, if anything, and prints what holds then, and what the tenant used today. */
export async function run(args: readonly string[], io: Io): Promise<void> {
  const { options } = parseArguments(usage, args);
  const asked = readLimits(options);
  const { limits: deployment } = readConfig(io.environment);
  await using opened = await openDeployment(io);
  const { control } = opened;
  const [tenant] = await readTenants(control, options.tenant);
  if (tenant === undefined) throw new Error('a tenant that was asked for is found or refused');
  if (options.clear || Object.keys(asked).length > 0) {
    const kept = options.clear ? {} : await control.ownLimits(tenant);
    await control.setOwnLimits(tenant, { ...kept, ...asked });
  }
  const day = utcDay(Date.now());
  const own = await control.ownLimits(tenant);
  const report = { tenant, own, deployment, day, used: await control.dayUse(tenant, day) };
  io.stdout.write(options.json ? `${JSON.stringify(toJson(report))}\n` : formatLimits(report));
}

function readLimits(options: Readonly<Record<LimitName, string | null>>): OwnLimits {
  const given = limitNames.flatMap((name) => {
    const text = options[name];
    if (text === null) return [];
    const value = parseLimit(name, text);
    if (value === null) throw usageError(`--${name} "${text}" is no limit`, `Give ${limitForm(name)}.`);
    return [[name, value] as const];
  });
  return Object.fromEntries(given);
}

type LimitsReport = {
  readonly tenant: string;
  readonly own: OwnLimits;
  readonly deployment: Limits;
  readonly day: string;
  readonly used: DayUse;
};

function toJson({ tenant, own, deployment, day, used }: LimitsReport) {
  const limits = limitNames.map((name) => {
    const value = own[name] ?? deployment[name];
    return [name, { value: value === null ? null : formatLimit(name, value), own: name in own }] as const;
  });
  const amounts = dailyNames.map((name) => [name, formatLimit(name, used[name])] as const);
  return {
    tenant,
    limits: Object.fromEntries(limits),
    today: { day, ...Object.fromEntries(amounts) },
  };
}

/** A line per limit, and one for the day. */
export function formatLimits({ tenant, own, deployment, day, used }: LimitsReport): string {
  const width = Math.max(...limitNames.map((name) => name.length));
  const lines = limitNames.map((name) => {
    const value = own[name] ?? deployment[name];
    const text = value === null ? 'none' : formatLimit(name, value);
    return `  ${name.padEnd(width)}  ${text}${name in own ? ' (its own)' : ''}`;
  });
  const today = `${used.bytes} bytes, ${formatLimit('usd', used.usd)} US dollars, ${used.ms} ms`;
  return [`${tenant}`, ...lines, `  used on ${day} (UTC): ${today}`, ''].join('\n');
}
