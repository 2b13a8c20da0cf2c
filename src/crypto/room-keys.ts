import { randomBytes } from 'node:crypto';
import { type AesKey, CipherError, decryptText, encryptText } from './aes-cbc.ts';

/** Key and IV of one room: drawn once, never changed. */
export type RoomKey = AesKey;

/** Makes and opens room key blobs (`Room.encryption_data`) with the master key. */
export interface RoomKeys {
  /** The blob of a new random room key: 172 characters of base64 (behaviour 4.2). */
  create(): string;
  /** The room key in a blob; accepts either key order and hex in any case. Throws a CipherError. */
  open(blob: string): RoomKey;
}

/** Room keys under the master key: 64 hex digits of key and 32 of IV. Throws a CipherError when they are not. */
export function createRoomKeys(master: { readonly key: string; readonly iv: string }): RoomKeys {
  const masterKey = { key: fromHex(master.key, 32), iv: fromHex(master.iv, 16) };
  return {
    create() {
      // The spelling matters to other readers of the blob: no spaces, `iv` before `key`, lower case.
      const clear = JSON.stringify({
        iv: randomBytes(16).toString('hex'),
        key: randomBytes(32).toString('hex'),
      });
      return encryptText(clear, masterKey);
    },
    open(blob) {
      const { key, iv } = parseRoomKey(decryptText(blob, masterKey));
      return { key: fromHex(key, 32), iv: fromHex(iv, 16) };
    },
  };
}

function parseRoomKey(text: string): { readonly key: unknown; readonly iv: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message would quote the text.
    throw new CipherError('the room key is not JSON');
  }
  if (typeof value !== 'object' || value === null || !('key' in value) || !('iv' in value)) {
    throw new CipherError('the room key lacks its key or its iv');
  }
  return value;
}

function fromHex(text: unknown, bytes: number): Uint8Array {
  if (typeof text !== 'string' || text.length !== bytes * 2 || !/^[0-9a-fA-F]*$/.test(text)) {
    throw new CipherError(`expected ${bytes * 2} hex digits`);
  }
  return Buffer.from(text, 'hex');
}
