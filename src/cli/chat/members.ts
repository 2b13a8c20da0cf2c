import type { RoomParticipant } from '../../gen/services/chat/v1/types_pb.ts';
import type { ChatRpc } from './connection.ts';
import { harmless } from './text.ts';

/** The people of a room, as far as they are known: at most 100 members, and everybody who was seen writing. */
export class Members {
  readonly #client: ChatRpc;
  readonly #roomId: string;
  readonly #names = new Map<number, string>();
  readonly #phones = new Map<string, string>();
  #list: readonly RoomParticipant[] = [];

  constructor(client: ChatRpc, roomId: string) {
    this.#client = client;
    this.#roomId = roomId;
  }

  /** Members now, by name. */
  get list(): readonly RoomParticipant[] {
    return this.#list;
  }

  async load(): Promise<void> {
    const { participants } = await this.#client.getRoomParticipants({
      id: this.#roomId,
      page: 1,
      limit: 100,
    });
    this.#list = participants;
    for (const { id, name, phone } of participants) this.learn(id, name, phone);
  }

  /** Takes in what a message tells about its sender. */
  learn(id: number, name: string, phone: string): void {
    if (name !== '') this.#names.set(id, harmless(name));
    if (phone !== '' && name !== '') this.#phones.set(phone, harmless(name));
  }

  nameOf(id: number): string {
    return this.#names.get(id) ?? `user ${id}`;
  }

  /** System messages name people by phone. */
  nameOfPhone(phone: string): string {
    return this.#phones.get(phone) ?? (harmless(phone) || 'somebody');
  }

  get names(): readonly string[] {
    return [...this.#names.values()];
  }
}
