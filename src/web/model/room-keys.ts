import { createRoomCiphers, type RoomCipher, type RoomCiphers } from '../../client/client.ts';
import type { Room } from '../../gen/services/chat/v1/types_pb.ts';
import { ActionError, type Credentials } from './model.ts';

/** Encrypts and decrypts messages of the rooms it was told of. */
export class RoomKeys {
  readonly #ciphers: RoomCiphers | undefined;
  readonly #rooms = new Map<string, Promise<RoomCipher | undefined>>();

  /** Without keys, or with ones that are none, messages stay locked. */
  constructor({ chatKey, chatIv }: Pick<Credentials, 'chatKey' | 'chatIv'>) {
    this.#ciphers = ciphersOf(chatKey, chatIv);
  }

  learn({ id, encryptionData }: Pick<Room, 'id' | 'encryptionData'>): void {
    if (this.#ciphers === undefined || encryptionData === '' || this.#rooms.has(id)) return;
    this.#rooms.set(
      id,
      this.#ciphers.open(encryptionData).catch(() => undefined),
    );
  }

  /** Undefined when it can't be read. */
  async decrypt(roomId: string, content: string): Promise<string | undefined> {
    if (content === '') return '';
    const cipher = await this.#rooms.get(roomId);
    return await cipher?.decrypt(content).catch(() => undefined);
  }

  /** Rejects with an ActionError without the room's key. */
  async encrypt(roomId: string, text: string): Promise<string> {
    const cipher = await this.#rooms.get(roomId);
    if (cipher === undefined)
      throw new ActionError('Without the key of this room nothing can be written in it');
    return await cipher.encrypt(text);
  }
}

function ciphersOf(key: string, iv: string): RoomCiphers | undefined {
  try {
    return createRoomCiphers({ key, iv });
  } catch {
    return undefined;
  }
}
