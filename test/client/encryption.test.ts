import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CipherError, createRoomCiphers, type RoomCipher } from '../../src/client/client.ts';
import { decryptMessage, encryptMessage } from '../../src/crypto/message-cipher.ts';
import { createRoomKeys } from '../../src/crypto/room-keys.ts';
import { BLOB, BLOB_KEY_FIRST, MASTER, MESSAGES, ROOM_KEY } from '../crypto/vectors.ts';

describe('the encryption of the client', () => {
  const ciphers = createRoomCiphers(MASTER);

  it.each(MESSAGES)('encrypts and decrypts %j as written down', async (text, content) => {
    const room = await ciphers.open(BLOB);
    expect(await room.encrypt(text)).toBe(content);
    expect(await room.decrypt(content)).toBe(text);
  });

  it('opens a room key with its fields in either order', async () => {
    const room = await ciphers.open(BLOB_KEY_FIRST);
    const [[text, content] = ['', '']] = MESSAGES;
    expect(await room.encrypt(text)).toBe(content);
  });

  it('leaves empty text empty', async () => {
    const room = await ciphers.open(BLOB);
    expect(await room.encrypt('')).toBe('');
    expect(await room.decrypt('')).toBe('');
  });

  it('keeps a byte order mark, and refuses what is no UTF-8', async () => {
    const room = await ciphers.open(BLOB);
    expect(await room.decrypt(await room.encrypt('\ufeffhello'))).toBe('\ufeffhello');
    const cipher = createCipheriv(
      'aes-256-cbc',
      Buffer.from(ROOM_KEY.key, 'hex'),
      Buffer.from(ROOM_KEY.iv, 'hex'),
    );
    const broken = Buffer.concat([cipher.update(Buffer.from([0xc3, 0x28])), cipher.final()]).toString(
      'base64',
    );
    await expect(room.decrypt(broken)).rejects.toBeInstanceOf(CipherError);
  });

  it('understands the service and is understood, whatever the text', async () => {
    const keys = createRoomKeys(MASTER);
    const blob = keys.create();
    const key = keys.open(blob);
    const room: RoomCipher = await ciphers.open(blob);
    const anyText = fc.string({ minLength: 1, unit: 'binary', maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(anyText, async (text) => {
        const content = await room.encrypt(text);
        expect(content).toBe(encryptMessage(text, key));
        expect(await room.decrypt(content)).toBe(decryptMessage(content, key));
      }),
      { numRuns: 50 },
    );
  });

  it.each([
    ['impossible padding', 'ABEiM0RVZneImaq7zN3u/w=='],
    ['no whole block', 'AAAA'],
    ['no base64', '!!'],
    ['base64 with a space', 'FTjACrMgPp+PNjS5r3Zz QQ=='],
    ['base64 without its padding', 'FTjACrMgPp+PNjS5r3ZzQQ'],
  ])('refuses %s', async (_what, content) => {
    const room = await ciphers.open(BLOB);
    await expect(room.decrypt(content)).rejects.toBeInstanceOf(CipherError);
  });

  it('does not open a room key of another master key, and tells nothing of it', async () => {
    const other = createRoomCiphers({ key: 'ab'.repeat(32), iv: 'cd'.repeat(16) });
    await expect(other.open(BLOB)).rejects.toBeInstanceOf(CipherError);
    const broken = encryptMessage('{"iv":"secret', masterKey());
    await expect(ciphers.open(broken)).rejects.toThrow(/^the room key is not JSON$/);
  });

  it.each([
    ['short', 'abcd', MASTER.iv],
    ['not hex', 'g'.repeat(64), MASTER.iv],
    ['with a short IV', MASTER.key, ''],
  ])('refuses a master key that is %s', (_what, key, iv) => {
    expect(() => createRoomCiphers({ key, iv })).toThrow(CipherError);
  });
});

/** The master key, as the service's cipher takes one. */
function masterKey() {
  return { key: Buffer.from(MASTER.key, 'hex'), iv: Buffer.from(MASTER.iv, 'hex') };
}
