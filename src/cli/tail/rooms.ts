import { decryptMessage } from '../../crypto/message-cipher.ts';
import type { RoomKey, RoomKeys } from '../../crypto/room-keys.ts';
import type { MessageData, Room } from '../../gen/services/chat/v1/types_pb.ts';
import type { ChatRpc } from '../chat/connection.ts';
import { openKey } from '../remote.ts';

/** What is kept of a room. */
interface KnownRoom {
  readonly name: string;
  readonly key: RoomKey | undefined;
}

const MAX_ROOMS = 1_000;
const CALL_TIMEOUT_MS = 5_000;

/** Names and keys of the rooms that events come from, asked for once. */
export class TailRooms {
  readonly #rpc: ChatRpc;
  readonly #keys: RoomKeys | undefined;
  readonly #rooms = new Map<string, KnownRoom>();

  constructor(rpc: ChatRpc, keys: RoomKeys | undefined) {
    this.#rpc = rpc;
    this.#keys = keys;
  }

  /** The name of a room, its id where it can't be asked for. */
  async nameOf(roomId: string): Promise<string> {
    const room = await this.#find(roomId);
    return room === undefined || room.name === '' ? roomId : room.name;
  }

  /** What a message says; undefined when it says nothing or the key is not known. */
  async textOf({ roomId, content, type }: MessageData): Promise<string | undefined> {
    if (content === '' || type === 'system_message') return content === '' ? undefined : content;
    const key = (await this.#find(roomId))?.key;
    try {
      return key === undefined ? undefined : decryptMessage(content, key);
    } catch {
      // Other clients may send what they like.
      return undefined;
    }
  }

  /** The room as it is now. */
  learn(room: Room): KnownRoom {
    const known = { name: room.name, key: openKey(this.#keys, room) };
    this.#rooms.delete(room.id);
    const [oldest] = this.#rooms.keys();
    if (this.#rooms.size >= MAX_ROOMS && oldest !== undefined) this.#rooms.delete(oldest);
    this.#rooms.set(room.id, known);
    return known;
  }

  async #find(roomId: string): Promise<KnownRoom | undefined> {
    const known = this.#rooms.get(roomId);
    if (known !== undefined || roomId === '') return known;
    try {
      const { room } = await this.#rpc.getRoom({ id: roomId }, { timeoutMs: CALL_TIMEOUT_MS });
      return room === undefined ? undefined : this.learn(room);
    } catch {
      // Left, or the service is away: the next event asks again.
      return undefined;
    }
  }
}
