import { CipherError, decryptText, encryptText } from './aes-cbc.ts';
import type { RoomKey } from './room-keys.ts';

/**
 * Encrypts a message's text with its room's key: padded base64 (behaviour 4.3).
 * Empty text is not encrypted: callers skip it, here it is a CipherError.
 */
export function encryptMessage(text: string, key: RoomKey): string {
  if (text === '') throw new CipherError('empty text is not encrypted');
  return encryptText(text, key);
}

/** Decrypts a message's content. Throws a CipherError, and nothing else, on every content that is no ciphertext of this key. */
export function decryptMessage(content: string, key: RoomKey): string {
  if (content === '') throw new CipherError('empty content is not encrypted');
  return decryptText(content, key);
}
