/**
 * The format of docs/encryption.md by WebCrypto: AES-256-CBC, PKCS#7 padding, padded base64. It needs `crypto.subtle`, which browsers
 * have on secure pages only and React Native not without a polyfill.
 */

/** What was given can't be the result of this cipher, or can't be its input. Its text never holds content or keys. */
export class CipherError extends Error {
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'CipherError';
  }
}

/** Opens room keys (`Room.encryption_data`). */
export interface RoomCiphers {
  /** The cipher of the room with that blob. Rejects with a CipherError when it was made with another master key. */
  open(blob: string): Promise<RoomCipher>;
}

/** Encrypts and decrypts the content of one room's messages. Empty text is not encrypted: it stays empty both ways. */
export interface RoomCipher {
  encrypt(text: string): Promise<string>;
  /** Rejects with a CipherError, and nothing else, on every content that is no ciphertext of this room. */
  decrypt(content: string): Promise<string>;
}

/** Room ciphers under the master key: 64 hex digits of key and 32 of IV. Throws a CipherError when they are not. */
export function createRoomCiphers(master: { readonly key: string; readonly iv: string }): RoomCiphers {
  const cipher = cipherOf(master.key, master.iv);
  return {
    async open(blob) {
      const { key, iv } = parseRoomKey(await cipher.decrypt(blob));
      const room = cipherOf(key, iv);
      return {
        encrypt: async (text) => (text === '' ? '' : await room.encrypt(text)),
        decrypt: async (content) => (content === '' ? '' : await room.decrypt(content)),
      };
    },
  };
}

function cipherOf(keyHex: unknown, ivHex: unknown): RoomCipher {
  const bytes = fromHex(keyHex, 32);
  const algorithm = { name: 'AES-CBC', iv: fromHex(ivHex, 16) };
  const load = () => crypto.subtle.importKey('raw', bytes, 'AES-CBC', false, ['encrypt', 'decrypt']);
  let imported: ReturnType<typeof load> | undefined;
  const key = async () => {
    imported ??= load();
    return await imported;
  };
  return {
    async encrypt(text) {
      const clear = new TextEncoder().encode(text);
      return toBase64(new Uint8Array(await crypto.subtle.encrypt(algorithm, await key(), clear)));
    },
    async decrypt(content) {
      const encrypted = fromBase64(content);
      if (encrypted.length === 0 || encrypted.length % 16 !== 0) {
        throw new CipherError('the ciphertext is not a positive number of blocks');
      }
      try {
        // WebCrypto checks the padding.
        const clear = await crypto.subtle.decrypt(algorithm, await key(), encrypted);
        return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(clear);
      } catch (cause) {
        throw new CipherError('the ciphertext does not belong to this key', { cause });
      }
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

function fromHex(text: unknown, length: number): Uint8Array<ArrayBuffer> {
  if (typeof text !== 'string' || text.length !== length * 2 || !/^[0-9a-fA-F]*$/.test(text)) {
    throw new CipherError(`expected ${length * 2} hex digits`);
  }
  return Uint8Array.from({ length }, (_, index) => Number.parseInt(text.slice(index * 2, index * 2 + 2), 16));
}

function toBase64(bytes: Uint8Array): string {
  let text = '';
  // Not by spread: a long content would be too many arguments.
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

/** `atob` takes spaces and missing padding: here those are errors. */
function fromBase64(encoded: string): Uint8Array<ArrayBuffer> {
  if (encoded.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(encoded)) {
    throw new CipherError('the ciphertext is not padded base64');
  }
  return Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
}
