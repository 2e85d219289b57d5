/** How an engineer wants a request answered, by its headers: to compare the ways there are, and for tests. */
import type { Principal } from '../access/scopes.ts';
import { requireScope } from '../access/scopes.ts';
import { costError } from '../core/errors.ts';
import { nearNames } from '../core/near.ts';
import { rules } from '../planner/logical-to-pushed.ts';
import { USE_ROLLUPS } from '../planner/choose-sources.ts';
import { SHARE_SCANS } from '../planner/share-asks.ts';
import type { StoreName } from '../planner/plan.ts';
import { storeNames } from '../planner/plan.ts';

export const FORCE_STORE = 'Costgraph-Force-Store';
export const NO_CACHE = 'Costgraph-No-Cache';
export const RULES_OFF = 'Costgraph-Rules-Off';

export type RequestRoute = {
  /** The one store that may be asked. */
  readonly forceStore: StoreName | null;
  /** No answer that was made before may stand for this one: neither a cache's nor the asker's own (304). */
  readonly noCache: boolean;
  /** Names of rules that planning leaves out. */
  readonly rulesOff: ReadonlySet<string>;
};

/** Of a request that has none of the headers. */
export const anyRoute: RequestRoute = { forceStore: null, noCache: false, rulesOff: new Set() };

/** @throws BAD_REQUEST for a value that is not allowed, FORBIDDEN for any of the headers without the scope admin */
export function readRoute(header: (name: string) => string | null, principal: Principal): RequestRoute {
  const [store, noCache, off] = [header(FORCE_STORE), header(NO_CACHE), header(RULES_OFF)];
  if (store === null && noCache === null && off === null) return anyRoute;
  requireScope(principal, 'admin');
  const forceStore = storeNames.find((name) => name === store) ?? null;
  if (store !== null && forceStore === null) throw badHeader(FORCE_STORE, store, storeNames.join(', '));
  if (noCache !== null && noCache !== '1') throw badHeader(NO_CACHE, noCache, '1');
  return { forceStore, noCache: noCache !== null, rulesOff: readRules(off) };
}

/** Whether an answer that was made before may stand for one on this route. */
export function mayBeKnown({ forceStore, noCache, rulesOff }: RequestRoute): boolean {
  return forceStore === null && !noCache && rulesOff.size === 0;
}

function readRules(header: string | null): ReadonlySet<string> {
  if (header === null) return anyRoute.rulesOff;
  const names = header.split(',').map((name) => name.trim());
  const known = [...rules.map(({ name }) => name), USE_ROLLUPS, SHARE_SCANS];
  const wrong = names.find((name) => !known.includes(name));
  if (wrong === undefined) return new Set(names);
  const near = nearNames(wrong, known);
  throw costError('BAD_REQUEST', {
    reason: `The header ${RULES_OFF} names "${wrong}", which is no rule`,
    hint: near.length > 0 ? `Did you mean ${near.join(' or ')}?` : `Rules: ${known.join(', ')}.`,
  });
}

function badHeader(name: string, value: string, allowed: string): Error {
  return costError('BAD_REQUEST', {
    reason: `The header ${name} is "${value}"`,
    hint: `Allowed: ${allowed}.`,
  });
}
