/** How an engineer wants a request answered, by its headers: to compare the ways there are, and for tests. */
import type { Principal } from '../access/scopes.ts';
import { requireScope } from '../access/scopes.ts';
import { costError } from '../core/errors.ts';
import type { StoreName } from '../planner/plan.ts';
import { storeNames } from '../planner/plan.ts';

export const FORCE_STORE = 'Costgraph-Force-Store';
export const NO_CACHE = 'Costgraph-No-Cache';

export type RequestRoute = {
  /** The one store that may be asked. */
  readonly forceStore: StoreName | null;
  /** No answer that was made before may stand for this one: neither a cache's nor the asker's own (304). */
  readonly noCache: boolean;
};

/** Of a request that has neither header. */
export const anyRoute: RequestRoute = { forceStore: null, noCache: false };

/** @throws BAD_REQUEST for a value that is not allowed, FORBIDDEN for either header without the scope admin */
export function readRoute(header: (name: string) => string | null, principal: Principal): RequestRoute {
  const [store, noCache] = [header(FORCE_STORE), header(NO_CACHE)];
  if (store === null && noCache === null) return anyRoute;
  requireScope(principal, 'admin');
  const forceStore = storeNames.find((name) => name === store) ?? null;
  if (store !== null && forceStore === null) throw badHeader(FORCE_STORE, store, storeNames.join(', '));
  if (noCache !== null && noCache !== '1') throw badHeader(NO_CACHE, noCache, '1');
  return { forceStore, noCache: noCache !== null };
}

function badHeader(name: string, value: string, allowed: string): Error {
  return costError('BAD_REQUEST', {
    reason: `The header ${name} is "${value}"`,
    hint: `Allowed: ${allowed}.`,
  });
}
