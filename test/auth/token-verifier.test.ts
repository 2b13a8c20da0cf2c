import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { exportJWK, type JWK, type JWTPayload, SignJWT } from 'jose';
import pino from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import { createTokenVerifier, type TokenVerifier } from '../../src/auth/token-verifier.ts';
import type { TokenKeys } from '../../src/config.ts';

const logger = pino({ level: 'silent' });
const SECRET = '0123456789abcdef0123456789abcdef';
const secretKey = Buffer.from(SECRET);
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed = generateKeyPairSync('ed25519');

function verifier(keys: TokenKeys, extra: { issuer?: string; audience?: string } = {}): TokenVerifier {
  return createTokenVerifier({ keys, issuer: extra.issuer, audience: extra.audience }, logger);
}

function pemOf(key: KeyObject): TokenKeys {
  return { kind: 'publicKey', pem: String(key.export({ type: 'spki', format: 'pem' })) };
}

function sign(
  claims: JWTPayload,
  options: { alg?: string; key?: KeyObject | Uint8Array; kid?: string; exp?: string | undefined } = {},
): Promise<string> {
  const { alg = 'HS256', key = secretKey, kid } = options;
  const token = new SignJWT(claims).setProtectedHeader({ alg, ...(kid === undefined ? {} : { kid }) });
  if (!('exp' in claims)) token.setExpirationTime('1h');
  return token.sign(key);
}

const withSecret = verifier({ kind: 'secret', secret: SECRET });
const refused = expect.objectContaining({ reason: 'invalid_token' });
const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds;

describe('claims', () => {
  test.each<[string, JWTPayload, number]>([
    ['user_id', { user_id: 7, sub: '8', payload: { userId: 9 } }, 7],
    ['user_id as text', { user_id: '7' }, 7],
    ['payload.userId', { payload: { userId: 9, sessionId: 's' }, sub: '8' }, 9],
    ['payload.userId as text', { payload: { userId: '9', type: 'ACCESS' } }, 9],
    ['sub', { sub: '8', type: 'ACCESS' }, 8],
  ])('user from %s', async (_, claims, userId) => {
    const exp = inSeconds(60);
    const token = await sign({ ...claims, exp });
    expect(await withSecret.verify(token)).toEqual({ userId, isAdmin: false, expiresAt: exp * 1000 });
  });

  test('role admin', async () => {
    expect(await withSecret.verify(await sign({ sub: '1', role: 'admin' }))).toMatchObject({ isAdmin: true });
    expect(await withSecret.verify(await sign({ sub: '1', role: ['admin'] }))).toMatchObject({
      isAdmin: false,
    });
  });

  test.each<[string, JWTPayload]>([
    ['no user', {}],
    ['a sub that is no number', { sub: 'auth0|7' }],
    ['user 0', { user_id: 0 }],
    ['a negative user', { user_id: -7 }],
    ['half a user', { user_id: 1.5 }],
    ['a user beyond 32 bits', { user_id: 2_147_483_648 }],
    ['a bad user_id beside a good sub', { user_id: 'x', sub: '8' }],
    ['user true', { user_id: true }],
    ['a list of users', { user_id: [7] }],
    ['type REFRESH', { user_id: 7, type: 'REFRESH' }],
    ['payload.type REFRESH', { user_id: 7, payload: { type: 'REFRESH' } }],
    ['type null', { user_id: 7, type: null }],
    ['expired', { user_id: 7, exp: inSeconds(-6) }],
    ['not valid yet', { user_id: 7, nbf: inSeconds(60) }],
  ])('%s is refused', async (_, claims) => {
    await expect(withSecret.verify(await sign(claims))).rejects.toEqual(refused);
  });

  test('exp is required', async () => {
    const token = await new SignJWT({ user_id: 7 }).setProtectedHeader({ alg: 'HS256' }).sign(secretKey);
    await expect(withSecret.verify(token)).rejects.toEqual(refused);
  });

  test('clocks may differ by five seconds, also for a token seen before', async () => {
    const token = await sign({ user_id: 7, exp: inSeconds(-3) });
    expect(await withSecret.verify(token)).toMatchObject({ userId: 7 });
    expect(await withSecret.verify(token)).toMatchObject({ userId: 7 });
  });

  test('issuer and audience, when configured', async () => {
    const strict = verifier({ kind: 'secret', secret: SECRET }, { issuer: 'me', audience: 'chat' });
    expect(await strict.verify(await sign({ sub: '1', iss: 'me', aud: ['chat', 'x'] }))).toMatchObject({
      userId: 1,
    });
    await expect(strict.verify(await sign({ sub: '1', iss: 'me' }))).rejects.toEqual(refused);
    await expect(strict.verify(await sign({ sub: '1', iss: 'you', aud: 'chat' }))).rejects.toEqual(refused);
  });

  test.each(['', 'x', 'a.b.c', `${'a'.repeat(9000)}.b.c`])('no token at all: %.10s', async (token) => {
    await expect(withSecret.verify(token)).rejects.toEqual(refused);
  });
});

describe('algorithms are decided by the key', () => {
  test.each([
    ['RS256', rsa],
    ['PS256', rsa],
    ['ES256', ec],
    ['EdDSA', ed],
  ])('%s', async (alg, pair) => {
    const token = await sign({ sub: '5' }, { alg, key: pair.privateKey });
    expect(await verifier(pemOf(pair.publicKey)).verify(token)).toMatchObject({ userId: 5 });
  });

  test('a public key is no shared secret', async () => {
    const pem = String(rsa.publicKey.export({ type: 'spki', format: 'pem' }));
    for (const text of [pem, pem.trim()]) {
      const token = await sign({ sub: '5' }, { alg: 'HS256', key: Buffer.from(text) });
      await expect(verifier(pemOf(rsa.publicKey)).verify(token)).rejects.toEqual(refused);
    }
  });

  test('alg none', async () => {
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const body = part({ sub: '5', exp: inSeconds(60) });
    for (const alg of ['none', 'None', '']) {
      for (const keys of [pemOf(rsa.publicKey), { kind: 'secret', secret: SECRET } as const]) {
        await expect(verifier(keys).verify(`${part({ alg })}.${body}.`)).rejects.toEqual(refused);
      }
    }
  });

  test('a stronger hash is another algorithm', async () => {
    for (const [alg, key] of [
      ['RS512', rsa.privateKey],
      ['HS512', Buffer.alloc(64, 1)],
    ] as const) {
      await expect(
        verifier(pemOf(rsa.publicKey)).verify(await sign({ sub: '5' }, { alg, key })),
      ).rejects.toEqual(refused);
    }
    const long = verifier({ kind: 'secret', secret: 'x'.repeat(64) });
    const token = await sign({ sub: '5' }, { alg: 'HS512', key: Buffer.from('x'.repeat(64)) });
    await expect(long.verify(token)).rejects.toEqual(refused);
  });

  test('a key inside the token is not believed', async () => {
    const jwk = await exportJWK(ec.publicKey);
    const token = await new SignJWT({ sub: '5' })
      .setProtectedHeader({ alg: 'ES256', jwk })
      .setExpirationTime('1h')
      .sign(ec.privateKey);
    await expect(
      verifier(pemOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey)).verify(token),
    ).rejects.toEqual(refused);
  });

  test('a changed payload', async () => {
    const [head, , signature] = (await sign({ sub: '5' })).split('.');
    const forged = Buffer.from(JSON.stringify({ sub: '6', exp: inSeconds(60) })).toString('base64url');
    await expect(withSecret.verify(`${head}.${forged}.${signature}`)).rejects.toEqual(refused);
  });
});

describe('a published key set', () => {
  let server: Server | undefined;
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });

  async function publish(keys: JWK[]): Promise<{ url: string; keys: JWK[]; status: number; asked: number }> {
    const state = { url: '', keys, status: 200, asked: 0 };
    const listening = createServer((_, response) => {
      state.asked += 1;
      response.writeHead(state.status).end(JSON.stringify({ keys: state.keys }));
    });
    server = listening;
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
    const address = listening.address();
    state.url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/jwks`;
    return state;
  }

  async function jwk(key: KeyObject, kid: string, extra: JWK = {}): Promise<JWK> {
    return { ...(await exportJWK(key)), kid, use: 'sig', ...extra };
  }

  test('is read once for many tokens', async () => {
    const published = await publish([await jwk(rsa.publicKey, 'a'), await jwk(ed.publicKey, 'b')]);
    const jwks = verifier({ kind: 'jwks', url: published.url });
    const tokens = await Promise.all([
      sign({ sub: '1' }, { alg: 'RS256', key: rsa.privateKey, kid: 'a' }),
      sign({ sub: '2' }, { alg: 'EdDSA', key: ed.privateKey, kid: 'b' }),
      sign({ sub: '3' }, { alg: 'PS256', key: rsa.privateKey, kid: 'a' }),
    ]);
    const identities = await Promise.all(tokens.map((token) => jwks.verify(token)));
    expect(identities.map(({ userId }) => userId)).toEqual([1, 2, 3]);
    expect(published.asked).toBe(1);
  });

  test('algorithm confusion: a shared secret in the set, a token that calls a public key one', async () => {
    const published = await publish([
      await jwk(rsa.publicKey, 'a', { alg: 'RS256' }),
      { kty: 'oct', k: secretKey.toString('base64url'), kid: 'o', alg: 'HS256' },
    ]);
    const jwks = verifier({ kind: 'jwks', url: published.url });
    await expect(jwks.verify(await sign({ sub: '1' }, { kid: 'o' }))).rejects.toEqual(refused);
    const pem = Buffer.from(String(rsa.publicKey.export({ type: 'spki', format: 'pem' })));
    await expect(jwks.verify(await sign({ sub: '1' }, { kid: 'a', key: pem }))).rejects.toEqual(refused);
    const ps = await sign({ sub: '1' }, { alg: 'PS256', key: rsa.privateKey, kid: 'a' });
    await expect(jwks.verify(ps)).rejects.toEqual(refused);
  });

  test('rotation: an unknown key asks again, but invented ones do not storm', async () => {
    const published = await publish([await jwk(rsa.publicKey, 'old')]);
    const clock = fakeClock();
    try {
      const jwks = verifier({ kind: 'jwks', url: published.url });
      expect(
        await jwks.verify(await sign({ sub: '1' }, { alg: 'RS256', key: rsa.privateKey, kid: 'old' })),
      ).toBeTruthy();
      published.keys = [await jwk(ec.publicKey, 'new')];
      const rotated = await sign({ sub: '2' }, { alg: 'ES256', key: ec.privateKey, kid: 'new' });
      clock.advance(11_000);
      expect(await jwks.verify(rotated)).toMatchObject({ userId: 2 });
      expect(published.asked).toBe(2);
      for (let i = 0; i < 20; i++) {
        const invented = await sign({ sub: '3' }, { alg: 'ES256', key: ec.privateKey, kid: `x${i}` });
        await expect(jwks.verify(invented)).rejects.toEqual(refused);
      }
      expect(published.asked).toBe(2);
    } finally {
      clock.restore();
    }
  });

  test('an outage: known keys go on; without any, it is our failure and not the token’s', async () => {
    const published = await publish([await jwk(ed.publicKey, 'a')]);
    const clock = fakeClock();
    try {
      const jwks = verifier({ kind: 'jwks', url: published.url });
      await jwks.verify(await sign({ sub: '1' }, { alg: 'EdDSA', key: ed.privateKey, kid: 'a' }));
      published.status = 500;
      clock.advance(1_000_000);
      const later = await sign(
        { sub: '2', exp: inSeconds(3600) },
        { alg: 'EdDSA', key: ed.privateKey, kid: 'a' },
      );
      expect(await jwks.verify(later)).toMatchObject({ userId: 2 });
      const fresh = verifier({ kind: 'jwks', url: published.url });
      await expect(fresh.verify(later)).rejects.toMatchObject({ reason: 'internal_server_error' });
    } finally {
      clock.restore();
    }
  });
});

/** Moves Date forward without touching timers. */
function fakeClock(): { advance(ms: number): void; restore(): void } {
  const real = Date.now;
  let offset = 0;
  Date.now = () => real() + offset;
  return {
    advance(ms) {
      offset += ms;
    },
    restore() {
      Date.now = real;
    },
  };
}
