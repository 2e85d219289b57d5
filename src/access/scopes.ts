import { costError } from '../core/errors.ts';
import type { TenantId } from '../core/ids.ts';

/** read: ask; write: load bills and events; rules: publish rules, close periods; admin: choose stores, pass caches. */
export const scopes = ['read', 'write', 'rules', 'admin'] as const;
export type Scope = (typeof scopes)[number];

/** Who asks, as verified: the only source of the tenant that a question is about. */
export type Principal = {
  readonly tenant: TenantId;
  /** Empty where the token names none. */
  readonly subject: string;
  readonly scopes: ReadonlySet<Scope>;
};

export function isScope(text: string): text is Scope {
  // The list's type is narrower than the text that is looked for in it.
  return (scopes as readonly string[]).includes(text);
}

/** @throws FORBIDDEN */
export function requireScope(principal: Principal, scope: Scope): void {
  if (!principal.scopes.has(scope)) throw costError('FORBIDDEN', { needs: scope });
}
