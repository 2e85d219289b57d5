import type { Close } from '../catalog/close.ts';
import type { Control } from '../catalog/control/control.ts';
import { costError } from '../core/errors.ts';
import type { TenantId } from '../core/ids.ts';
import { nearNames } from '../core/near.ts';
import type { TimeRange } from '../core/time-range.ts';
import { formatInstant } from '../core/time-range.ts';
import { resolvePeriod } from '../planner/bind/resolve-period.ts';
import type { CloseBook, CloseRequest, CloseSummary } from './engine.ts';
import { makeVersion } from './version.ts';

export const CLOSE_NAME_LENGTH_MAX = 100;

export function createCloseBook(control: Control): CloseBook {
  return {
    list: async (tenant) => summarize(control, tenant, (await control.closes(tenant)).toReversed()),
    close: async (request) => {
      const { tenant, by, now } = request;
      const name = checkName(request.name);
      const period = checkPeriod(request);
      const closed = await control.closePeriod({ tenant, name, ...period, by, at: now });
      const [summary] = await summarize(control, tenant, [closed]);
      if (summary === undefined) throw new Error('each close has a summary');
      return summary;
    },
  };
}

/** @throws UNKNOWN_CLOSE */
export async function findClose(control: Control, tenant: TenantId, name: string): Promise<Close> {
  const closes = await control.closes(tenant);
  const found = closes.find((close) => close.name === name);
  if (found) return found;
  const asked = name.slice(0, CLOSE_NAME_LENGTH_MAX);
  const names = closes.map((close) => close.name);
  throw costError('UNKNOWN_CLOSE', { name: asked, near: nearNames(asked, names) });
}

async function summarize(
  control: Control,
  tenant: TenantId,
  closes: readonly Close[],
): Promise<CloseSummary[]> {
  const history = await control.publishedBatches(tenant);
  const telemetry = await control.telemetry(tenant);
  const versions = await control.rulesVersions(tenant);
  return closes.map((close) => {
    const { from, to, sequence } = close;
    const rules = versions.findLast((one) => one.sequence <= sequence)?.version ?? null;
    const periods = [{ from, to }];
    const basis = {
      tenant,
      periods,
      axis: 'CHARGE_PERIOD',
      history,
      telemetry,
      sequence,
      now: null,
    } as const;
    return { ...close, rules, version: makeVersion({ ...basis, rules: rules ?? 0 }) };
  });
}

function checkName(name: string): string {
  const isFine = name.trim() === name && name !== '' && !/\p{Cc}/u.test(name) && name.isWellFormed();
  if (isFine && name.length <= CLOSE_NAME_LENGTH_MAX) return name;
  throw costError('BAD_REQUEST', {
    reason: `"${name.slice(0, CLOSE_NAME_LENGTH_MAX)}" is no name for a close`,
    hint: `Give one line of 1 to ${CLOSE_NAME_LENGTH_MAX} characters, without space around it, as in 2018-10.`,
  });
}

/** @throws BAD_PERIOD */
function checkPeriod({ period, now }: CloseRequest): TimeRange {
  const { range } = resolvePeriod(period, 'UTC', now);
  if (range.to <= now) return range;
  throw costError('BAD_PERIOD', {
    reason: `The period is not over: it ends at ${formatInstant(range.to)}`,
    hint: 'Close it when it has ended and its bills are there.',
  });
}
