import { NEEDS_DAYS_MAX } from '../catalog/needs.ts';
import { readConfig } from '../config.ts';
import { readDuckdbPrices } from '../server.ts';
import { firstDay } from '../execute/need-ledger.ts';
import { adviseOn } from '../execute/rollup-advice.ts';
import { readState } from '../execute/rollup-facts.ts';
import type { PerDay, RollupAdvice } from '../planner/advise/advise.ts';
import { formatMs, plural } from '../planner/advise/words.ts';
import type { Io, Usage } from './command.ts';
import { openDeployment, readTenants } from './open-deployment.ts';
import { parseArguments, usageError } from './parse-arguments.ts';

const DAYS_DEFAULT = 7;

export const usage = {
  options: {
    tenant: { kind: 'text', value: 'T', isRequired: true, help: 'whose rollups' },
    days: {
      kind: 'text',
      value: 'N',
      isRequired: false,
      help: `of how many UTC days questions count, today included: 1 to ${NEEDS_DAYS_MAX}, by default ${DAYS_DEFAULT}`,
    },
    json: { kind: 'flag', help: 'print one JSON object' },
  },
  operands: null,
  examples: ['advise --tenant demo', 'advise --tenant demo --days 30 --json'],
} as const satisfies Usage;

/** Prints advice, and changes nothing. */
export async function run(args: readonly string[], io: Io): Promise<void> {
  const { options } = parseArguments(usage, args);
  const days = readDays(options.days ?? String(DAYS_DEFAULT));
  await using deployment = await openDeployment(io);
  const { lake, control, rollupRowsMax } = deployment;
  const [tenant] = await readTenants(control, options.tenant);
  if (tenant === undefined) throw new Error('a tenant that was asked for is found or refused');
  const now = Date.now();
  const state = await readState(lake, control, tenant);
  const observed = await control.observedNeeds(tenant, firstDay(now, days));
  const prices = await readDuckdbPrices(readConfig(io.environment));
  const asked = { days, now, rowsMax: rollupRowsMax, prices };
  const advice = await adviseOn(control, state, observed, asked);
  io.stdout.write(options.json ? `${JSON.stringify(advice)}\n` : formatAdvice(advice));
}

function readDays(text: string): number {
  const days = /^\d{1,3}$/.test(text) ? Number(text) : NaN;
  if (days >= 1 && days <= NEEDS_DAYS_MAX) return days;
  throw usageError(`--days "${text}" is no number of days`, `Give 1 to ${NEEDS_DAYS_MAX}.`);
}

/** What to do first, then what is good as it is. */
export function formatAdvice(advice: RollupAdvice): string {
  const { times, observedDays, add, drop, keep, notes } = advice;
  const lines = [`Stores were asked ${plural(times, 'time')} in ${plural(observedDays, 'day')}.`];
  for (const one of add) {
    lines.push(
      `add ${one.name}: saves ${formatPerDay(one.saves)}`,
      `  ${one.reason}`,
      `  It would keep about ${one.rows} rows of ${one.bytes} bytes; building takes about ${formatMs(one.buildMs)}.`,
      `  ${one.command}`,
    );
  }
  for (const one of drop) {
    lines.push(
      `drop ${one.name}: frees ${one.rows} rows of ${one.bytes} bytes, costs ${formatPerDay(one.costs)}`,
      `  It answered ${plural(one.times, 'time')}. ${one.reason}`,
      `  ${one.command}`,
    );
  }
  for (const one of keep) {
    lines.push(`keep ${one.name}`, `  It answered ${plural(one.times, 'time')}. ${one.reason}`);
  }
  if (advice.isEnough && add.length + drop.length === 0) lines.push('Nothing would be better otherwise.');
  return `${[...lines, ...notes].join('\n')}\n`;
}

function formatPerDay({ ms, bytes, usd }: PerDay): string {
  return `${formatMs(ms)}, ${bytes} bytes and ${usd.toFixed(6)} US dollars a day`;
}
