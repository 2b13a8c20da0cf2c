import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, SignJWT } from 'jose';
import pino from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import { createReloadableVerifier } from '../../src/auth/reloadable-verifier.ts';
import { freePort } from '../support/ports.ts';

const logger = pino({ level: 'silent' });
const NOBODY = { issuer: undefined, audience: undefined };
const INVALID = expect.objectContaining({ reason: 'invalid_token' });
const [first, second] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')];

function pem(key: KeyObject) {
  return {
    ...NOBODY,
    keys: { kind: 'publicKey', pem: String(key.export({ type: 'spki', format: 'pem' })) },
  } as const;
}

async function sign(key: KeyObject, claims = {}): Promise<string> {
  const token = new SignJWT({ sub: '5', ...claims }).setProtectedHeader({ alg: 'EdDSA', kid: 'k' });
  return await token.setExpirationTime('1h').sign(key);
}

describe('reloading the keys', () => {
  let close: (() => void) | undefined;
  afterEach(() => close?.());

  /** Publishes a key; the other one after `rotate`. */
  async function publish() {
    let key = first.publicKey;
    let asked = 0;
    const server = createServer(async (_, response) => {
      asked += 1;
      response.end(JSON.stringify({ keys: [{ ...(await exportJWK(key)), kid: 'k' }] }));
    });
    close = () => {
      server.closeAllConnections();
      server.close();
    };
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    // It listens on a port.
    const { port } = server.address() as AddressInfo;
    return {
      keys: { kind: 'jwks', url: `http://127.0.0.1:${port}/` } as const,
      asked: () => asked,
      rotate() {
        key = second.publicKey;
      },
    };
  }

  test('the new key counts, and what the old one has proved does not any more', async () => {
    const verifier = createReloadableVerifier(pem(first.publicKey), logger);
    const [old, fresh] = await Promise.all([sign(first.privateKey), sign(second.privateKey)]);
    expect(await verifier.verify(old)).toMatchObject({ userId: 5 });
    await expect(verifier.verify(fresh)).rejects.toEqual(INVALID);
    await verifier.reload(pem(second.publicKey));
    expect(await verifier.verify(fresh)).toMatchObject({ userId: 5 });
    await expect(verifier.verify(old)).rejects.toEqual(INVALID);
  });

  test('so does what else tokens are held to', async () => {
    const verifier = createReloadableVerifier(pem(first.publicKey), logger);
    const token = await sign(first.privateKey, { iss: 'a' });
    await verifier.verify(token);
    await verifier.reload({ ...pem(first.publicKey), issuer: 'b' });
    await expect(verifier.verify(token)).rejects.toEqual(INVALID);
  });

  test('a key set is read anew, also at the same address', async () => {
    const published = await publish();
    const verifier = createReloadableVerifier({ ...NOBODY, keys: published.keys }, logger);
    const [old, fresh] = await Promise.all([sign(first.privateKey), sign(second.privateKey)]);
    await verifier.verify(old);
    published.rotate();
    await verifier.reload({ ...NOBODY, keys: published.keys });
    expect(published.asked()).toBe(2);
    await verifier.verify(fresh);
    await expect(verifier.verify(old)).rejects.toEqual(INVALID);
    expect(published.asked()).toBe(2);
  });

  test('a key set that can not be read leaves the keys as they were', async () => {
    const verifier = createReloadableVerifier(pem(first.publicKey), logger);
    const old = await sign(first.privateKey);
    const url = `http://127.0.0.1:${await freePort()}/`;
    await expect(verifier.reload({ ...NOBODY, keys: { kind: 'jwks', url } })).rejects.toThrow(
      'not available',
    );
    expect(await verifier.verify(old)).toMatchObject({ userId: 5 });
  });
});
