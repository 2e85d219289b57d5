import { SignJWT } from 'jose';

import type { TenantId } from '../core/ids.ts';
import type { Scope } from './scopes.ts';

export type TokenClaims = {
  readonly tenant: TenantId;
  readonly subject: string;
  readonly scopes: readonly Scope[];
  readonly ttlSeconds: number;
};

/** A token signed by HS256 that `authenticate` takes until `ttlSeconds` from now. */
export function issueToken(
  { tenant, subject, scopes, ttlSeconds }: TokenClaims,
  secret: string,
): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ tenant, scope: scopes.join(' ') })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(subject)
    .setIssuedAt(now)
    .setExpirationTime(now + ttlSeconds)
    .sign(new TextEncoder().encode(secret));
}
