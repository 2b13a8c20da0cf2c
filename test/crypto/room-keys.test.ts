import { createCipheriv, createDecipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CipherError } from '../../src/crypto/aes-cbc.ts';
import { createRoomKeys } from '../../src/crypto/room-keys.ts';
import { BLOB, BLOB_KEY_FIRST, BLOB_TEXT, MASTER, ROOM_KEY } from './vectors.ts';

const keys = createRoomKeys(MASTER);

describe('opening a room key blob', () => {
  it('reads the documented blob', () => {
    expect(hex(keys.open(BLOB))).toEqual(ROOM_KEY);
  });

  it('reads the blob with the key written first', () => {
    expect(hex(keys.open(BLOB_KEY_FIRST))).toEqual(ROOM_KEY);
  });

  it('reads hex in any case', () => {
    expect(
      hex(keys.open(seal(BLOB_TEXT.toUpperCase().replace('"IV"', '"iv"').replace('"KEY"', '"key"')))),
    ).toEqual(ROOM_KEY);
  });

  it.each([
    ['an empty blob', ''],
    ['no base64', '!!'],
    ['half a block', 'AAAA'],
    ['a blob of another master key', createRoomKeys({ key: 'ff'.repeat(32), iv: MASTER.iv }).create()],
    ['no JSON', seal('hello')],
    ['JSON null', seal('null')],
    ['a JSON array', seal('[1,2]')],
    ['a missing iv', seal(`{"key":"${ROOM_KEY.key}"}`)],
    ['a short key', seal(`{"iv":"${ROOM_KEY.iv}","key":"${ROOM_KEY.key.slice(2)}"}`)],
    ['a long iv', seal(`{"iv":"${ROOM_KEY.iv}00","key":"${ROOM_KEY.key}"}`)],
    ['no hex digits', seal(`{"iv":"${'zz'.repeat(16)}","key":"${ROOM_KEY.key}"}`)],
    ['a number for a key', seal(`{"iv":"${ROOM_KEY.iv}","key":5}`)],
  ])('refuses %s', (_what, blob) => {
    expect(() => keys.open(blob)).toThrow(CipherError);
  });

  it('refuses anything else without another kind of failure', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String({ maxLength: 400 })), (blob) => {
        expect(() => keys.open(blob)).toThrow(CipherError);
      }),
    );
  });
});

describe('creating a room key blob', () => {
  it('makes the documented format byte for byte', () => {
    const blob = keys.create();
    const decipher = createDecipheriv(
      'aes-256-cbc',
      Buffer.from(MASTER.key, 'hex'),
      Buffer.from(MASTER.iv, 'hex'),
    );
    const clear = Buffer.concat([decipher.update(blob, 'base64'), decipher.final()]);
    expect(blob).toHaveLength(172);
    expect(clear).toHaveLength(114);
    expect(clear.toString('latin1')).toMatch(/^\{"iv":"[0-9a-f]{32}","key":"[0-9a-f]{64}"\}$/);
    expect(seal(clear.toString('latin1'))).toBe(blob);
    expect(seal(BLOB_TEXT)).toBe(BLOB);
  });

  it('can be opened again and is never the same', () => {
    const made = Array.from({ length: 50 }, () => keys.create());
    const opened = made.map((blob) => hex(keys.open(blob)));
    expect(new Set(made).size).toBe(50);
    expect(new Set(opened.map(({ key }) => key)).size).toBe(50);
    expect(new Set(opened.map(({ iv }) => iv)).size).toBe(50);
  });
});

it.each([
  { key: MASTER.key.slice(2), iv: MASTER.iv },
  { key: MASTER.key, iv: `${MASTER.iv}00` },
  { key: 'x'.repeat(64), iv: MASTER.iv },
  { key: '', iv: '' },
])('refuses an impossible master key', (master) => {
  expect(() => createRoomKeys(master)).toThrow(CipherError);
});

/** The blob that the inherited service would have made of this text. */
function seal(text: string): string {
  const cipher = createCipheriv('aes-256-cbc', Buffer.from(MASTER.key, 'hex'), Buffer.from(MASTER.iv, 'hex'));
  return Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]).toString('base64');
}

function hex({ key, iv }: { readonly key: Uint8Array; readonly iv: Uint8Array }): {
  readonly key: string;
  readonly iv: string;
} {
  return { key: Buffer.from(key).toString('hex'), iv: Buffer.from(iv).toString('hex') };
}
