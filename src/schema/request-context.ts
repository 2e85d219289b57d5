import type { Principal } from '../access/scopes.ts';
import type { CostError } from '../core/errors.ts';
import type { RequestRoute } from './request-route.ts';

/** What is known of a request before GraphQL looks at it. */
export type RequestContext = {
  readonly admission:
    | { readonly kind: 'admitted'; readonly principal: Principal; readonly route: RequestRoute }
    /** Answered by this error, in the form that the asker expects of GraphQL. */
    | { readonly kind: 'refused'; readonly error: CostError };
  /** Of a POST, within the limit; null for a GET. */
  readonly body: Buffer | null;
};

/** @throws the error that refused the request */
export function admittedOf({ admission }: RequestContext): {
  readonly principal: Principal;
  readonly route: RequestRoute;
} {
  if (admission.kind === 'refused') throw admission.error;
  return admission;
}

/** @throws the error that refused the request */
export function principalOf(context: RequestContext): Principal {
  return admittedOf(context).principal;
}
