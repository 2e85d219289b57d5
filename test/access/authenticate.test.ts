import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { CryptoKey, GenerateKeyPairResult } from 'jose';
import { base64url, exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

import type { Authenticate } from '../../src/access/authenticate.ts';
import { createAuthenticate } from '../../src/access/authenticate.ts';
import { issueToken } from '../../src/access/issue-token.ts';
import type { Scope } from '../../src/access/scopes.ts';
import { requireScope } from '../../src/access/scopes.ts';
import { tenantId } from '../../src/core/ids.ts';

const SECRET = 'a-secret-of-exactly-32-bytes-ok!';
const secretKey = new TextEncoder().encode(SECRET);
const nowSeconds = (): number => Math.floor(Date.now() / 1000);

afterEach(() => {
  vi.useRealTimers();
});

function bearer(token: string): Headers {
  return new Headers({ authorization: `Bearer ${token}` });
}

function sign(claims: Record<string, unknown>, alg = 'HS256', key: CryptoKey | Uint8Array = secretKey) {
  return new SignJWT(claims).setProtectedHeader({ alg }).sign(key);
}

describe('authenticate by secret', () => {
  const authenticate = createAuthenticate({ kind: 'secret', secret: SECRET });

  async function refusal(headers: Headers): Promise<string> {
    const error: unknown = await authenticate(headers).then(
      () => 'was let in',
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ code: 'UNAUTHENTICATED' });
    return error instanceof Error ? error.message : '';
  }

  it('takes a token that was issued for the secret', async () => {
    const tenant = tenantId('acme');
    if (tenant === null) throw new Error('acme');
    const scopes: Scope[] = ['read', 'rules'];
    const token = await issueToken({ tenant, subject: 'ann', scopes, ttlSeconds: 60 }, SECRET);
    const principal = { tenant: 'acme', subject: 'ann', scopes: new Set(['read', 'rules']) };
    expect(await authenticate(bearer(token))).toEqual(principal);
    expect(await authenticate(new Headers({ authorization: `bearer  ${token} ` }))).toEqual(principal);
  });

  it('leaves out unknown scopes, and grants none where there are none', async () => {
    const claims = { tenant: 'acme', exp: nowSeconds() + 60 };
    const granted = async (scope: unknown): Promise<Scope[]> => {
      const { scopes } = await authenticate(bearer(await sign({ ...claims, scope })));
      return [...scopes];
    };
    expect(await granted('openid read  WRITE toString')).toEqual(['read']);
    expect(await granted('')).toEqual([]);
    expect(await granted(['read'])).toEqual([]);
    expect(await granted(undefined)).toEqual([]);
  });

  it('refuses a request without a token', async () => {
    expect(await refusal(new Headers())).toBe('The request has no Authorization header');
    expect(await refusal(new Headers({ authorization: 'Basic YTpi' }))).toContain('Bearer TOKEN');
    expect(await refusal(new Headers({ authorization: 'Bearer ' }))).toContain('Bearer TOKEN');
    expect(await refusal(bearer('x'))).toBe('The token is no signed JWT');
    expect(await refusal(bearer('x'.repeat(8_193)))).toBe('The token is longer than 8192 characters');
  });

  it('refuses unsigned and wrongly signed tokens', async () => {
    const claims = { tenant: 'acme', scope: 'admin', exp: nowSeconds() + 60 };
    expect(await refusal(bearer(new UnsecuredJWT(claims).encode()))).not.toBe('');
    const token = await sign(claims);
    const [header = '', payload = '', signature = ''] = token.split('.');
    expect(await refusal(bearer(`${header}.${payload}.`))).toContain('signature');
    const admin = base64url.encode(JSON.stringify({ ...claims, tenant: 'globex' }));
    expect(await refusal(bearer(`${header}.${admin}.${signature}`))).toBe(
      'The signature of the token is wrong',
    );
    const other = await sign(claims, 'HS256', new TextEncoder().encode(`another${SECRET}`));
    expect(await refusal(bearer(other))).toBe('The signature of the token is wrong');
  });

  it('refuses other algorithms than HS256', async () => {
    const long = new TextEncoder().encode(SECRET.repeat(2));
    const wrong = createAuthenticate({ kind: 'secret', secret: SECRET.repeat(2) });
    const token = await sign({ tenant: 'acme', exp: nowSeconds() + 60 }, 'HS512', long);
    await expect(wrong(bearer(token))).rejects.toThrow('signed in a way that is not accepted');
  });

  it('refuses tokens that are expired, not yet valid or never expire', async () => {
    const claims = { tenant: 'acme', scope: 'read' };
    expect(await refusal(bearer(await sign({ ...claims, exp: nowSeconds() - 6 })))).toBe(
      'The token has expired',
    );
    expect(await refusal(bearer(await sign(claims)))).toContain('"exp"');
    const later = { ...claims, nbf: nowSeconds() + 60, exp: nowSeconds() + 120 };
    expect(await refusal(bearer(await sign(later)))).toContain('"nbf"');
  });

  it('bears a clock that is up to 5 s off', async () => {
    const claims = { tenant: 'acme', exp: nowSeconds() - 2, nbf: nowSeconds() + 2 };
    expect(await authenticate(bearer(await sign(claims)))).toMatchObject({ tenant: 'acme' });
  });

  it.each([undefined, '', 7, 'ACME', '../acme', ['acme']])('refuses the tenant %j', async (tenant) => {
    const token = await sign({ tenant, scope: 'read', exp: nowSeconds() + 60 });
    expect(await refusal(bearer(token))).toContain('"tenant"');
  });

  it('repeats nothing of a token in its errors', async () => {
    const token = await sign({ tenant: 'SECRET-TENANT', sub: 'SECRET-SUBJECT', exp: nowSeconds() + 60 });
    const text = await refusal(bearer(token));
    expect(text).not.toMatch(/SECRET/);
    expect(text).not.toContain(token.slice(0, 10));
  });

  it('forgets a verified token when it expires', async () => {
    const token = await sign({ tenant: 'acme', exp: nowSeconds() + 30 });
    await authenticate(bearer(token));
    vi.useFakeTimers({ now: Date.now() + 29_000, toFake: ['Date'] });
    await authenticate(bearer(token));
    vi.setSystemTime(Date.now() + 7_000);
    expect(await refusal(bearer(token))).toBe('The token has expired');
  });

  it('keeps apart the tokens that it remembers, however many there are', async () => {
    const exp = nowSeconds() + 60;
    const tokens = await Promise.all(Array.from({ length: 1_100 }, (_, i) => sign({ tenant: `t${i}`, exp })));
    for (let round = 0; round < 2; round++) {
      for (const [i, token] of tokens.entries()) {
        expect((await authenticate(bearer(token))).tenant).toBe(`t${i}`);
      }
    }
  });
});

describe('authenticate by key set', () => {
  let served: unknown;
  let fetched = 0;
  let url: URL;
  let rsa: GenerateKeyPairResult;
  const server = createServer((_request, response) => {
    fetched++;
    response.writeHead(served === null ? 500 : 200).end(JSON.stringify(served));
  });

  beforeAll(async () => {
    rsa = await generateKeyPair('RS256');
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    // Listening on TCP, so its address is no path.
    const { port } = server.address() as AddressInfo;
    url = new URL(`http://127.0.0.1:${port}/keys`);
  });
  afterAll(() => server.close());

  async function withKeySet(
    keys: { pair: GenerateKeyPairResult; alg: string }[],
    but: { issuer?: string; audience?: string } = {},
  ): Promise<Authenticate> {
    const published = keys.map(async ({ pair, alg }) => ({
      ...(await exportJWK(pair.publicKey)),
      alg,
      kid: alg,
    }));
    served = { keys: await Promise.all(published) };
    return createAuthenticate({ kind: 'jwks', url, issuer: null, audience: null, ...but });
  }

  it.each(['RS256', 'ES256', 'EdDSA'])('takes %s, and fetches the set once', async (alg) => {
    const pair = await generateKeyPair(alg);
    const authenticate = await withKeySet([{ pair, alg }]);
    fetched = 0;
    for (const tenant of ['acme', 'globex']) {
      const token = await new SignJWT({ tenant, scope: 'read', exp: nowSeconds() + 60 })
        .setProtectedHeader({ alg, kid: alg })
        .sign(pair.privateKey);
      expect(await authenticate(bearer(token))).toMatchObject({ tenant });
    }
    expect(fetched).toBe(1);
  });

  it('refuses HS256, also when signed with the public key, and other algorithms', async () => {
    const authenticate = await withKeySet([{ pair: rsa, alg: 'RS256' }]);
    const claims = { tenant: 'acme', scope: 'admin', exp: nowSeconds() + 60 };
    const publicText = new TextEncoder().encode(JSON.stringify(await exportJWK(rsa.publicKey)));
    await expect(authenticate(bearer(await sign(claims, 'HS256', publicText)))).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
    const pss = await generateKeyPair('PS256');
    await expect(authenticate(bearer(await sign(claims, 'PS256', pss.privateKey)))).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
    await expect(authenticate(bearer(new UnsecuredJWT(claims).encode()))).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
  });

  it('refuses a key that is not in the set', async () => {
    const authenticate = await withKeySet([{ pair: rsa, alg: 'RS256' }]);
    const claims = { tenant: 'acme', exp: nowSeconds() + 60 };
    const forged = await generateKeyPair('RS256');
    await expect(authenticate(bearer(await sign(claims, 'RS256', forged.privateKey)))).rejects.toThrow(
      'signature',
    );
    const unknown = new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'unknown' });
    await expect(authenticate(bearer(await unknown.sign(rsa.privateKey)))).rejects.toThrow('not accepted');
  });

  it('wants the issuer and the audience where they are configured', async () => {
    const authenticate = await withKeySet([{ pair: rsa, alg: 'RS256' }], {
      issuer: 'https://id',
      audience: 'costs',
    });
    const claims = { tenant: 'acme', exp: nowSeconds() + 60, iss: 'https://id', aud: 'costs' };
    expect(await authenticate(bearer(await sign(claims, 'RS256', rsa.privateKey)))).toMatchObject({
      subject: '',
    });
    for (const wrong of [{ aud: 'mail' }, { iss: 'https://other' }, { aud: undefined }]) {
      const token = await sign({ ...claims, ...wrong }, 'RS256', rsa.privateKey);
      await expect(authenticate(bearer(token))).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    }
  });

  it('says that the key set failed, not that the token is bad', async () => {
    const authenticate = await withKeySet([{ pair: rsa, alg: 'RS256' }]);
    served = null;
    const token = await sign({ tenant: 'acme', exp: nowSeconds() + 60 }, 'RS256', rsa.privateKey);
    await expect(authenticate(bearer(token))).rejects.toMatchObject({ code: 'STORE_FAILED', fault: 'store' });
  });
});

describe('authenticate in open mode', () => {
  const authenticate = createAuthenticate({ kind: 'open' });

  it.each([
    'localhost',
    'localhost:4000',
    'LOCALHOST:1',
    '127.0.0.1:4000',
    '127.1.2.3',
    '[::1]:4000',
    '[::1]',
  ])('is tenant demo with all scopes for Host %s', async (host) => {
    const principal = await authenticate(new Headers({ host }));
    expect(principal).toEqual({
      tenant: 'demo',
      subject: 'local',
      scopes: new Set(['read', 'write', 'rules', 'admin']),
    });
  });

  it.each([
    '',
    'example.org',
    'localhost.example.org',
    '127.0.0.1.example.org:4000',
    '192.168.0.1',
    'localhost:4000:1',
    '127.0.0.1@example.org',
  ])('refuses Host "%s": a page may have resolved its own name to this machine', async (host) => {
    await expect(authenticate(new Headers({ host }))).rejects.toMatchObject({ code: 'LOCAL_ONLY' });
  });

  it('refuses a request without a Host', async () => {
    await expect(authenticate(new Headers())).rejects.toMatchObject({ code: 'LOCAL_ONLY' });
  });

  it.each([
    [{ origin: 'http://localhost:5173' }, true],
    [{ origin: 'http://[::1]:4000', 'sec-fetch-site': 'same-origin' }, true],
    [{ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }, true],
    [{ 'sec-fetch-site': 'none' }, true],
    [{ origin: 'https://example.org' }, false],
    [{ origin: 'null' }, false],
    [{ origin: 'http://localhost.example.org' }, false],
    [{ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }, false],
  ])('for %j lets in: %s', async (more, isLetIn) => {
    const asked = authenticate(new Headers({ host: 'localhost:4000', ...more }));
    if (isLetIn) expect(await asked).toMatchObject({ tenant: 'demo' });
    else await expect(asked).rejects.toMatchObject({ code: 'LOCAL_ONLY' });
  });
});

describe('requireScope', () => {
  it('refuses what the token does not grant', async () => {
    const authenticate = createAuthenticate({ kind: 'secret', secret: SECRET });
    const token = await sign({ tenant: 'acme', scope: 'read', exp: nowSeconds() + 60 });
    const principal = await authenticate(bearer(token));
    expect(() => requireScope(principal, 'read')).not.toThrow();
    expect(() => requireScope(principal, 'admin')).toThrow(
      expect.objectContaining({ code: 'FORBIDDEN', message: 'The token lacks the scope "admin"' }),
    );
  });
});
