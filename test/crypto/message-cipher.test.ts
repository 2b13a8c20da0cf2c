import { spawnSync } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CipherError } from '../../src/crypto/aes-cbc.ts';
import { decryptMessage, encryptMessage } from '../../src/crypto/message-cipher.ts';
import { createRoomKeys } from '../../src/crypto/room-keys.ts';
import { BLOB, MASTER, MESSAGES, ROOM_KEY } from './vectors.ts';

const key = createRoomKeys(MASTER).open(BLOB);
const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

describe.each(MESSAGES)('the documented message %j', (text, content) => {
  it('is encrypted byte for byte', () => {
    expect(encryptMessage(text, key)).toBe(content);
  });

  it('is decrypted', () => {
    expect(decryptMessage(content, key)).toBe(text);
  });

  it.skipIf(!hasOpenssl)('is what openssl makes and reads', () => {
    expect(openssl(['-e', '-A'], text)).toBe(content);
    expect(openssl(['-d', '-A'], encryptMessage(text, key))).toBe(text);
  });
});

describe('decrypting', () => {
  it.each([
    ['the documented impossible padding', 'ABEiM0RVZneImaq7zN3u/w=='],
    ['3 bytes', 'AAAA'],
    ['no base64', '!!'],
    ['empty content', ''],
    ['base64 without its padding', 'FTjACrMgPp+PNjS5r3ZzQQ'],
    ['base64 with a stray character', 'FTjACrMg Pp+PNjS5r3ZzQQ=='],
    ['URL-safe base64', 'FTjACrMgPp-PNjS5r3ZzQQ=='],
    ['padding byte 0', raw(Buffer.concat([Buffer.from('fifteen letters'), Buffer.from([0])]))],
    ['padding byte 17', raw(Buffer.alloc(32, 17))],
    ['inconsistent padding', raw(Buffer.concat([Buffer.alloc(13, 65), Buffer.from([1, 2, 3])]))],
    ['malformed UTF-8', raw(Buffer.concat([Buffer.from([0xc3, 0x28]), Buffer.alloc(14, 14)]))],
    ['a message of another room', encryptMessage('Hello World', { key: Buffer.alloc(32, 7), iv: key.iv })],
  ])('refuses %s', (_what, content) => {
    expect(() => decryptMessage(content, key)).toThrow(CipherError);
  });

  it('keeps its errors free of content', () => {
    const content = raw(Buffer.concat([Buffer.from('secret'), Buffer.from([0xff]), Buffer.alloc(9, 9)]));
    expect(() => decryptMessage(content, key)).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('secret') }),
    );
  });

  it('answers text or a CipherError for anything at all', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.base64String(),
      fc.uint8Array({ minLength: 16, maxLength: 64 }).map((bytes) => Buffer.from(bytes).toString('base64')),
      fc
        .uint8Array({ minLength: 16, maxLength: 48 })
        .map((bytes) => raw(Buffer.from(bytes.subarray(0, bytes.length & ~15)))),
    );
    fc.assert(
      fc.property(anything, (content) => {
        try {
          expect(typeof decryptMessage(content, key)).toBe('string');
        } catch (error) {
          expect(error).toBeInstanceOf(CipherError);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('encrypting', () => {
  it('refuses empty text', () => {
    expect(() => encryptMessage('', key)).toThrow(CipherError);
  });

  it('gives every text back, with a full extra block when it fills its last one', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (text) => {
        const content = encryptMessage(text, key);
        const bytes = Buffer.byteLength(text);
        expect(Buffer.from(content, 'base64')).toHaveLength(bytes + 16 - (bytes % 16));
        expect(decryptMessage(content, key)).toBe(text);
      }),
    );
  });

  it('keeps a byte order mark', () => {
    expect(decryptMessage(encryptMessage('\ufeffhello', key), key)).toBe('\ufeffhello');
  });
});

/** Encrypts bytes whose padding is already part of them. */
function raw(padded: Uint8Array): string {
  const cipher = createCipheriv(
    'aes-256-cbc',
    Buffer.from(ROOM_KEY.key, 'hex'),
    Buffer.from(ROOM_KEY.iv, 'hex'),
  );
  cipher.setAutoPadding(false);
  return Buffer.concat([cipher.update(padded), cipher.final()]).toString('base64');
}

function openssl(args: readonly string[], input: string): string {
  const run = spawnSync(
    'openssl',
    ['enc', '-aes-256-cbc', '-K', ROOM_KEY.key, '-iv', ROOM_KEY.iv, '-base64', ...args],
    {
      input,
      encoding: 'utf8',
    },
  );
  expect(run.stderr).toBe('');
  return run.stdout;
}
