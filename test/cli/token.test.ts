import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTokenVerifier } from '../../src/auth/token-verifier.ts';
import { loadOrMakeSecrets } from '../../src/cli/secrets.ts';
import { runToken } from '../../src/cli/token.ts';

const SECRET = 'a secret of more than thirty-two bytes';

describe('the token command', () => {
  let dataDir: string;
  let out: string[];
  let err: string[];

  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'chat-token-'));
    out = [];
    err = [];
    vi.spyOn(console, 'log').mockImplementation((text) => void out.push(String(text)));
    vi.spyOn(console, 'error').mockImplementation((text) => void err.push(String(text)));
  });
  afterEach(() => {
    vi.restoreAllMocks();
    rmSync(dataDir, { recursive: true });
  });

  it('prints nothing but a token that the service with that secret accepts', async () => {
    expect(await runToken(['7'], { JWT_SECRET: SECRET, DATA_DIR: dataDir })).toBe(0);
    expect(err).toEqual([]);
    expect(out).toHaveLength(1);
    expect(await verify(out[0], SECRET)).toMatchObject({ userId: 7, isAdmin: false });
  });

  it('uses the secret that the service keeps in its folder', async () => {
    const { jwtSecret } = loadOrMakeSecrets(dataDir);
    expect(await runToken(['1'], { DATA_DIR: dataDir })).toBe(0);
    expect(await verify(out[0], jwtSecret)).toMatchObject({ userId: 1 });
  });

  it('makes administrators, and lasts as long as it is told', async () => {
    await runToken(['1', '--admin', '--ttl', '90s'], { JWT_SECRET: SECRET });
    const { isAdmin, expiresAt } = await verify(out[0], SECRET);
    expect(isAdmin).toBe(true);
    expect(expiresAt - Date.now()).toBeGreaterThan(60_000);
    expect(expiresAt - Date.now()).toBeLessThanOrEqual(90_000);
  });

  it('names the issuer and audience that the service asks for', async () => {
    await runToken(['1'], { JWT_SECRET: SECRET, JWT_ISSUER: 'us', JWT_AUDIENCE: 'chat' });
    expect(await verify(out[0], SECRET, { issuer: 'us', audience: 'chat' })).toMatchObject({ userId: 1 });
  });

  it.each([
    ['no user', [], /whose token/],
    ['two users', ['1', '2'], /whose token/],
    ['a name', ['ana'], /"ana" is no user id/],
    ['user 0', ['0'], /no user id/],
    ['a huge number', ['2147483648'], /no user id/],
    ['an odd duration', ['1', '--ttl', 'soon'], /"soon" is no duration/],
    ['no duration', ['1', '--ttl', '0'], /no duration/],
    ['an unknown option', ['1', '--root'], /--root/],
  ])('refuses %s with its usage', async (_what, argv, message) => {
    expect(await runToken(argv, { JWT_SECRET: SECRET })).toBe(2);
    expect(out).toEqual([]);
    expect(err.join('\n')).toMatch(message);
    expect(err.join('\n')).toContain('Usage:');
  });

  it('says what to do when there is no secret', async () => {
    expect(await runToken(['1'], { DATA_DIR: dataDir })).toBe(1);
    expect(err).toEqual([expect.stringMatching(/no secret in .*npm start/)]);
    expect(await runToken(['1'], { DATA_DIR: 'memory:' })).toBe(1);
    expect(err[1]).toContain('JWT_SECRET');
    expect(out).toEqual([]);
  });

  it('says that it can not sign for a key of others', async () => {
    const { publicKey } = generateKeyPairSync('ed25519');
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    expect(await runToken(['1'], { JWT_PUBLIC_KEY: pem })).toBe(1);
    expect(await runToken(['1'], { JWT_JWKS_URL: 'https://example.com/keys' })).toBe(1);
    expect(err).toEqual([expect.stringContaining('JWT_PUBLIC_KEY'), expect.stringContaining('JWT_JWKS_URL')]);
  });

  it('shows wrong settings, without the secret', async () => {
    expect(await runToken(['1'], { JWT_SECRET: 'short', DATA_DIR: dataDir })).toBe(1);
    expect(err.join()).toContain('JWT_SECRET');
    expect(err.join()).not.toContain('short"');
  });
});

async function verify(
  token: string | undefined,
  secret: string,
  claims: { readonly issuer?: string; readonly audience?: string } = {},
) {
  const options = {
    issuer: claims.issuer,
    audience: claims.audience,
    keys: { kind: 'secret', secret },
  } as const;
  return await createTokenVerifier(options, pino({ level: 'silent' })).verify(token ?? '');
}
