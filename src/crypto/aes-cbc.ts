import { createCipheriv, createDecipheriv } from 'node:crypto';

/** A 32-byte AES-256 key with its 16-byte IV. */
export interface AesKey {
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
}

/** What was given can't be the result of this cipher, or can't be its input. Its text never holds content or keys. */
export class CipherError extends Error {
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'CipherError';
  }
}

/** AES-256-CBC with PKCS#7 padding of the text's UTF-8 bytes, as padded base64 of the raw cipher bytes. */
export function encryptText(text: string, { key, iv }: AesKey): string {
  const cipher = createCipheriv('aes-256-cbc', key, iv);
  return Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]).toString('base64');
}

/** The inverse of {@link encryptText}. Throws a CipherError on bad base64, length, padding or UTF-8. */
export function decryptText(encoded: string, { key, iv }: AesKey): string {
  const bytes = decodeBase64(encoded);
  if (bytes.length === 0 || bytes.length % 16 !== 0) {
    throw new CipherError('the ciphertext is not a positive number of blocks');
  }
  try {
    const decipher = createDecipheriv('aes-256-cbc', key, iv);
    // OpenSSL checks the padding: 1 to 16, and every padding byte the same.
    const clear = Buffer.concat([decipher.update(bytes), decipher.final()]);
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(clear);
  } catch (cause) {
    throw new CipherError('the ciphertext does not belong to this key', { cause });
  }
}

/** Buffer.from skips what is not base64: here that is an error. */
function decodeBase64(encoded: string): Buffer {
  if (encoded.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(encoded)) {
    throw new CipherError('the ciphertext is not padded base64');
  }
  return Buffer.from(encoded, 'base64');
}
