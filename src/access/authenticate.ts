/**
 * Who asks? Headers in, a principal out, or UNAUTHENTICATED: deny by default.
 *
 * A token is a JWT signed by the configured secret (HS256 only) or by a key of the configured key set
 * (asymmetric algorithms only), so that a public key can never pass as a secret. No error repeats any
 * part of a token.
 */
import type { JWTPayload, JWTVerifyGetKey, JWTVerifyOptions } from 'jose';
import { createRemoteJWKSet, errors, jwtVerify } from 'jose';

import type { CostError } from '../core/errors.ts';
import { costError } from '../core/errors.ts';
import { demoTenant, tenantId } from '../core/ids.ts';
import type { AccessMode } from './access-mode.ts';
import { isLoopbackHost } from './loopback.ts';
import type { Principal } from './scopes.ts';
import { isScope, scopes } from './scopes.ts';

/** The part of fetch's Headers that is needed: names without regard to case, null where absent. */
export type RequestHeaders = { readonly get: (name: string) => string | null };
export type Authenticate = (headers: RequestHeaders) => Promise<Principal>;

/** Between the clocks of whoever signs and ours. */
const CLOCK_TOLERANCE_SECONDS = 5;
/** Longer ones are refused unread: a header of Node's HTTP server can hold 16 KB. */
const TOKEN_CHARACTERS_MAX = 8_192;
const CACHED_TOKENS_MAX = 1_000;
/** How long a verified token is taken without looking again: so soon a key taken out of the set counts. */
const CACHED_MS_MAX = 60_000;
const KEY_SET_TIMEOUT_MS = 5_000;

/** @throws UNAUTHENTICATED, LOCAL_ONLY in open mode, STORE_FAILED when the key set cannot be fetched. */
export function createAuthenticate(access: AccessMode): Authenticate {
  if (access.kind === 'open') return authenticateLocal;
  const verify = access.kind === 'secret' ? verifyBySecret(access.secret) : verifyByKeySet(access);
  const cache = new Map<string, { readonly principal: Principal; readonly until: number }>();
  return async (headers) => {
    const token = bearerToken(headers);
    const now = Date.now();
    const cached = cache.get(token);
    if (cached !== undefined && now < cached.until) return cached.principal;
    cache.delete(token);

    const payload = await verify(token);
    const principal = principalOf(payload);
    // `exp` is required, so 0 never stands in for it.
    const expiry = (payload.exp ?? 0) * 1000;
    cache.set(token, { principal, until: Math.min(expiry, now + CACHED_MS_MAX) });
    // Maps iterate in insertion order: the first is the oldest.
    for (const oldest of cache.keys()) {
      if (cache.size <= CACHED_TOKENS_MAX) break;
      cache.delete(oldest);
    }
    return principal;
  };
}

/**
 * Open mode: whoever can reach the loopback interface may ask. Browsers can, for any page: a page that
 * resolves its own name to 127.0.0.1 (DNS rebinding) shows in Host, a page that sends requests to us
 * shows in Origin or, where there is none, in Sec-Fetch-Site.
 */
async function authenticateLocal(headers: RequestHeaders): Promise<Principal> {
  const host = headers.get('host') ?? '';
  if (!isLoopbackHost(host)) throw costError('LOCAL_ONLY', { header: 'Host', value: host });
  const origin = headers.get('origin');
  if (origin !== null && !isLoopbackOrigin(origin)) {
    throw costError('LOCAL_ONLY', { header: 'Origin', value: origin });
  }
  const site = headers.get('sec-fetch-site');
  if (site === 'cross-site' && origin === null && headers.get('sec-fetch-mode') !== 'navigate') {
    throw costError('LOCAL_ONLY', { header: 'Sec-Fetch-Site', value: site });
  }
  return { tenant: demoTenant, subject: 'local', scopes: new Set(scopes) };
}

function isLoopbackOrigin(origin: string): boolean {
  return URL.canParse(origin) && isLoopbackHost(new URL(origin).host);
}

function bearerToken(headers: RequestHeaders): string {
  const header = headers.get('authorization');
  if (header === null) throw unauthenticated('The request has no Authorization header');
  const token = /^Bearer +([^ ]+) *$/i.exec(header)?.[1];
  if (token === undefined)
    throw unauthenticated('The Authorization header is not of the form "Bearer TOKEN"');
  if (token.length > TOKEN_CHARACTERS_MAX) {
    throw unauthenticated(`The token is longer than ${TOKEN_CHARACTERS_MAX} characters`);
  }
  return token;
}

type Verify = (token: string) => Promise<JWTPayload>;

const commonOptions: JWTVerifyOptions = {
  clockTolerance: CLOCK_TOLERANCE_SECONDS,
  requiredClaims: ['exp'],
};

function verifyBySecret(secret: string): Verify {
  const key = new TextEncoder().encode(secret);
  const options = { ...commonOptions, algorithms: ['HS256'] };
  return async (token) => {
    try {
      return (await jwtVerify(token, key, options)).payload;
    } catch (error) {
      throw unauthenticated(reasonOf(error), error);
    }
  };
}

function verifyByKeySet({ url, issuer, audience }: Extract<AccessMode, { kind: 'jwks' }>): Verify {
  const keySet = createRemoteJWKSet(url, { timeoutDuration: KEY_SET_TIMEOUT_MS });
  const options = {
    ...commonOptions,
    algorithms: ['RS256', 'ES256', 'EdDSA', 'Ed25519'],
    ...(issuer !== null && { issuer }),
    ...(audience !== null && { audience }),
  };
  // Inside jwtVerify a failed fetch looks like a bad token; it is not the caller's fault.
  const key: JWTVerifyGetKey = async (header, token) => {
    try {
      return await keySet(header, token);
    } catch (error) {
      if (isBadKey(error)) throw error;
      throw costError('STORE_FAILED', { store: 'The key set', reason: messageOf(error) }, error);
    }
  };
  return async (token) => {
    try {
      return (await jwtVerify(token, key, options)).payload;
    } catch (error) {
      if (error instanceof errors.JOSEError) throw unauthenticated(reasonOf(error), error);
      throw error;
    }
  };
}

/** The token names no key of the set, more than one, or an algorithm that no key has. */
function isBadKey(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSENotSupported
  );
}

/** Says what is wrong and nothing of what the token holds. */
function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'The token has expired';
  if (error instanceof errors.JWTClaimValidationFailed) {
    return `The claim "${error.claim}" of the token is missing or not accepted`;
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'The signature of the token is wrong';
  if (error instanceof errors.JOSEAlgNotAllowed) return 'The token is signed in a way that is not accepted';
  if (isBadKey(error)) return 'The token is signed by a key that is not accepted';
  return 'The token is no signed JWT';
}

/** Unknown scopes are left out; a token without any may do nothing. */
function principalOf(payload: JWTPayload): Principal {
  const { tenant, scope, sub } = payload;
  const id = typeof tenant === 'string' ? tenantId(tenant) : null;
  if (id === null) throw unauthenticated('The claim "tenant" of the token is missing or no tenant name');
  const granted = typeof scope === 'string' ? scope.split(' ').filter(isScope) : [];
  return { tenant: id, subject: sub ?? '', scopes: new Set(granted) };
}

function unauthenticated(reason: string, cause?: unknown): CostError {
  return costError('UNAUTHENTICATED', { reason }, cause);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
