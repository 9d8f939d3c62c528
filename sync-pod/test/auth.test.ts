import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  CompactSign,
  type CryptoKey,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  type JWK,
  type JWTPayload,
  SignJWT,
  UnsecuredJWT,
} from 'jose';
import { mayOpen, type Scope } from '../src/auth/access.ts';
import { AuthError, createTokenVerifier, type TokenVerifier } from '../src/auth/token-verifier.ts';

const secret = 'a secret of more than 64 bytes, so that it serves HS512 as well as HS256';
const bytes = (text: string) => new TextEncoder().encode(text);
const now = Math.floor(Date.now() / 1000);
const options = { defaultScopes: [], requireWorkspaceClaim: false } as const;

const sign = (payload: JWTPayload, key: CryptoKey | Uint8Array = bytes(secret), alg = 'HS256', kid?: string) =>
  new SignJWT(payload).setProtectedHeader(kid === undefined ? { alg } : { alg, kid }).sign(key);

async function refusal(verifier: TokenVerifier, token: string): Promise<AuthError> {
  const outcome = await verifier.verify(token).catch((error: unknown) => error);
  if (!(outcome instanceof AuthError))
    throw new Error('the token was not refused with an AuthError', { cause: outcome });
  // Neither the token nor a part of it may reach a log through the error.
  for (const part of token.split('.').filter((piece) => piece.length > 8)) expect(outcome.message).not.toContain(part);
  expect(outcome.cause).toBeUndefined();
  return outcome;
}

describe('workspace patterns', () => {
  test.each<[readonly string[] | undefined, string, boolean]>([
    [undefined, 'any', true],
    [[], 'any', false],
    [['a'], 'a', true],
    [['a'], 'ab', false],
    [['a', 'b'], 'b', true],
    [['a'], 'A', false],
    [['team-*'], 'team-1', true],
    [['team-*'], 'team-', true],
    [['team-*'], 'team', false],
    [['team-*'], 'my-team-1', false],
    [['*'], 'any', true],
    [['t*m'], 'team', false],
    [['t.*'], 'team', false],
    [[''], 'any', false],
  ])('%j opens %s: %s', (workspaces, id, allowed) => {
    expect(mayOpen({ workspaces }, id)).toBe(allowed);
  });
});

describe('claims', () => {
  const verifier = createTokenVerifier({ ...options, secret });

  test('become rights', async () => {
    const claims = { sub: 'u1', scopes: ['read'], workspaces: ['a', 'b*'], exp: now + 60, role: 'referee' };
    const token = await sign(claims);
    const expected = { userId: 'u1', scopes: new Set(['read']), workspaces: ['a', 'b*'], claims, expiresAt: now + 60 };
    expect(await verifier.verify(token)).toEqual(expected);
  });

  test('may all be missing', async () => {
    const expected = { userId: undefined, scopes: new Set(), workspaces: undefined, claims: {}, expiresAt: undefined };
    expect(await verifier.verify(await sign({}))).toEqual(expected);
  });

  test.each<[JWTPayload, Scope[]]>([
    [{}, ['write']],
    [{ scopes: [] }, []],
    [{ scope: '' }, []],
    [{ scopes: ['read', 'openid'] }, ['read']],
    [{ scopes: ['admin'] }, ['admin', 'read', 'write']],
    [{ scope: 'read  write profile' }, ['read', 'write']],
    [{ scope: 'admin' }, ['admin', 'read', 'write']],
    [{ scopes: ['read'], scope: 'admin' }, ['read']],
    [{ scopes: ['READ', ' read'] }, []],
  ])('%j grants %j, with write as the default', async (payload, scopes) => {
    const withDefault = createTokenVerifier({ ...options, secret, defaultScopes: ['write'] });
    expect([...(await withDefault.verify(await sign(payload))).scopes].sort()).toEqual(scopes);
  });

  test.each<[string, JWTPayload]>([
    ['scopes', { scopes: 'read' }],
    ['scopes', { scopes: ['read', 1] }],
    ['scopes', { scopes: null }],
    ['scopes', { scopes: { read: true } }],
    ['scope', { scope: ['read'] }],
    ['workspaces', { workspaces: '*' }],
    ['workspaces', { workspaces: ['a', null] }],
    ['workspaces', { workspaces: null }],
    ['sub', { sub: '' }],
  ])('a malformed %s is refused: %j', async (claim, payload) => {
    const error = await refusal(verifier, await sign(payload));
    expect(error.code).toBe('unauthorized');
    expect(error.message).toContain(`${claim} claim`);
  });

  test('workspaces can be required', async () => {
    const strict = createTokenVerifier({ ...options, secret, requireWorkspaceClaim: true });
    expect((await refusal(strict, await sign({ sub: 'u1' }))).code).toBe('forbidden');
    expect((await strict.verify(await sign({ workspaces: [] }))).workspaces).toEqual([]);
    // Whether the token is genuine comes first.
    expect((await refusal(strict, await sign({}, bytes('not the secret')))).code).toBe('unauthorized');
  });
});

describe('with a secret', () => {
  const verifier = createTokenVerifier({ ...options, secret, issuer: 'me', audience: 'pod' });
  const good = { iss: 'me', aud: 'pod' };

  test.each(['HS256', 'HS384', 'HS512'])('%s is accepted', async (alg) => {
    await expect(verifier.verify(await sign(good, bytes(secret), alg))).resolves.toBeDefined();
  });

  test.each<[string, JWTPayload]>([
    ['one of several audiences', { ...good, aud: ['other', 'pod'] }],
    ['nbf within the tolerance', { ...good, nbf: now + 3 }],
  ])('%s is accepted', async (_, payload) => {
    await expect(verifier.verify(await sign(payload))).resolves.toBeDefined();
  });

  test.each<[string, RegExp, () => string | Promise<string>]>([
    ['an expired token', /has expired/, () => sign({ ...good, exp: now - 30 })],
    ['an nbf in the future', /not valid yet/, () => sign({ ...good, nbf: now + 120 })],
    ['another issuer', /another issuer/, () => sign({ ...good, iss: 'you' })],
    ['no issuer', /another issuer/, () => sign({ aud: 'pod' })],
    ['another audience', /another audience/, () => sign({ ...good, aud: 'other' })],
    ['no audience', /another audience/, () => sign({ iss: 'me' })],
    ['a wrong signature', /signature is wrong/, () => sign(good, bytes('another secret of 32 bytes or so'))],
    ['alg none', /algorithm is not accepted/, () => new UnsecuredJWT(good).encode()],
    [
      'RS256',
      /algorithm is not accepted/,
      async () => sign(good, (await generateKeyPair('RS256')).privateKey, 'RS256'),
    ],
    [
      'an exchanged payload',
      /signature is wrong/,
      async () => {
        const [header, , signature] = (await sign(good)).split('.');
        return `${header}.${btoa('{"iss":"me","aud":"pod","sub":"root"}').replaceAll('=', '')}.${signature}`;
      },
    ],
    ['a removed signature', /wrong|malformed/, async () => (await sign(good)).replace(/[^.]*$/, '')],
    [
      'a payload that is no object',
      /malformed/,
      async () => {
        return new CompactSign(bytes('[1]')).setProtectedHeader({ alg: 'HS256' }).sign(bytes(secret));
      },
    ],
    ['an empty token', /not a JWT/, () => ''],
    ['garbage', /not a JWT/, () => 'garbage'],
    ['dots', /not a JWT/, () => '..'],
    ['garbage with dots', /not a JWT/, () => 'not.a.token'],
    ['a header without alg', /algorithm is not accepted/, () => `${btoa('{}')}.${btoa('{}')}.AAAA`],
    [
      'a header naming a method of Object',
      /not accepted/,
      () => `${btoa('{"alg":"constructor"}').replaceAll('=', '')}.e30.AA`,
    ],
  ])('%s is refused', async (_, message, make) => {
    const error = await refusal(verifier, await make());
    expect(error.code).toBe('unauthorized');
    expect(error.message).toMatch(message);
  });
});

describe('with a JWKS', () => {
  let server: Server;
  let jwksUrl: string;
  let published: JWK[] = [];
  let status = 200;
  const keys = new Map<string, { privateKey: CryptoKey; publicKey: CryptoKey; jwk: JWK }>();

  async function keyOf(kid: string, alg: string) {
    const pair = await generateKeyPair(alg, { extractable: true });
    const key = { ...pair, jwk: { ...(await exportJWK(pair.publicKey)), kid, alg } };
    keys.set(kid, key);
    return key;
  }
  const key = (kid: string) => {
    const found = keys.get(kid);
    if (!found) throw new Error(`no key ${kid}`);
    return found;
  };
  const both = () => createTokenVerifier({ ...options, secret, jwksUrl });

  beforeAll(async () => {
    for (const alg of ['RS256', 'PS384', 'ES512', 'EdDSA']) published.push((await keyOf(alg, alg)).jwk);
    server = createServer((_, response) => {
      response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
      response.end(JSON.stringify({ keys: published }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no TCP address');
    jwksUrl = `http://127.0.0.1:${address.port}/jwks`;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  test.each(['RS256', 'PS384', 'ES512', 'EdDSA'])('%s is accepted', async (alg) => {
    const verifier = createTokenVerifier({ ...options, jwksUrl });
    const token = await sign({ sub: 'u1' }, key(alg).privateKey, alg, alg);
    expect((await verifier.verify(token)).userId).toBe('u1');
  });

  test('the secret and the keys work side by side', async () => {
    await expect(both().verify(await sign({}))).resolves.toBeDefined();
    await expect(both().verify(await sign({}, key('RS256').privateKey, 'RS256', 'RS256'))).resolves.toBeDefined();
  });

  test('a public key is no HMAC secret', async () => {
    const pem = bytes(await exportSPKI(key('RS256').publicKey));
    const forged = await sign({ scopes: ['admin'] }, pem, 'HS256', 'RS256');
    const keysOnly = createTokenVerifier({ ...options, jwksUrl });
    expect((await refusal(keysOnly, forged)).message).toMatch(/algorithm is not accepted/);
    expect((await refusal(both(), forged)).message).toMatch(/signature is wrong/);
  });

  test('refuses HS256, alg none, another key under a known kid, an unknown kid', async () => {
    const verifier = createTokenVerifier({ ...options, jwksUrl });
    const { privateKey } = await generateKeyPair('RS256');
    const tokens = [
      await sign({}),
      new UnsecuredJWT({}).encode(),
      await sign({}, privateKey, 'RS256', 'RS256'),
      await sign({}, privateKey, 'RS256', 'unknown'),
    ];
    for (const token of tokens) expect((await refusal(verifier, token)).code).toBe('unauthorized');
  });

  test('a key added later is accepted', async () => {
    const verifier = createTokenVerifier({ ...options, jwksUrl, jwksCooldownMs: 1 });
    const next = await keyOf('next', 'ES256');
    const token = await sign({ sub: 'u2' }, next.privateKey, 'ES256', 'next');
    expect((await refusal(verifier, token)).message).toMatch(/unknown key/);
    published = [...published, next.jwk];
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await verifier.verify(token)).userId).toBe('u2');
  });

  test('an unreadable JWKS says nothing about the token', async () => {
    const verifier = createTokenVerifier({ ...options, jwksUrl, jwksCooldownMs: 1 });
    const token = await sign({}, key('RS256').privateKey, 'RS256', 'RS256');
    status = 500;
    await expect(verifier.verify(token)).rejects.toMatchObject({ name: 'AuthError', code: 'unavailable' });
    status = 200;
    await expect(verifier.verify(token)).resolves.toBeDefined();
  });
});

test('a verifier without any key is a mistake', () => {
  expect(() => createTokenVerifier(options)).toThrow(/secret or a JWKS URL/);
});
