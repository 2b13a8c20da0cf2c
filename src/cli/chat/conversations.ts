import { ReadMarker } from '../../client/client.ts';
import type { ChatRpc } from './connection.ts';
import { Conversation, type Item, type Members } from './conversation.ts';
import type { People } from './people.ts';
import type { RoomList } from './room-list.ts';

/** Messages that are loaded at once. */
const PAGE = 50;
/** Conversations that stay loaded beside the open one. */
const MAX_LOADED = 20;

interface Loaded {
  readonly conversation: Conversation;
  readonly marker: ReadMarker;
}

/** The conversations that were opened: loaded when asked for, kept up to date by whoever hears the events, the oldest forgotten. */
export class Conversations {
  readonly #rpc: ChatRpc;
  readonly #rooms: RoomList;
  readonly #people: People;
  readonly #changed: (roomId: string, item: Item) => void;
  readonly #loaded = new Map<string, Loaded>();

  constructor(options: {
    readonly rpc: ChatRpc;
    readonly rooms: RoomList;
    readonly people: People;
    readonly changed: (roomId: string, item: Item) => void;
  }) {
    this.#rpc = options.rpc;
    this.#rooms = options.rooms;
    this.#people = options.people;
    this.#changed = options.changed;
  }

  get(roomId: string): Conversation | undefined {
    return this.#loaded.get(roomId)?.conversation;
  }

  /** The conversation of a room, with its newest messages; undefined when the room is not in the list. */
  async load(roomId: string): Promise<Conversation | undefined> {
    const known = this.get(roomId);
    const reader = this.#rooms.readerOf(roomId);
    if (known !== undefined || reader === undefined) return known;
    const conversation = new Conversation(reader, (item) => this.#changed(roomId, item));
    conversation.members = await this.#learnMembers(roomId);
    await this.#fetch(roomId, conversation);
    this.#loaded.set(roomId, { conversation, marker: new ReadMarker({ rpc: this.#rpc, roomId }) });
    this.#forgetOldest(roomId);
    return conversation;
  }

  /** Events are missing: reads the newest messages of the open room again, and forgets the others but those with drafts. */
  async resync(openId: string): Promise<void> {
    for (const [id, { conversation }] of [...this.#loaded]) {
      const isNeeded = id === openId || conversation.hasDrafts;
      if (isNeeded && this.#rooms.get(id) !== undefined) await this.#fetch(id, conversation);
      else this.#loaded.delete(id);
    }
  }

  /** Loads messages before the first one, when there are any. */
  async older(roomId: string): Promise<void> {
    const conversation = this.get(roomId);
    const beforeMessageId = conversation?.firstId;
    if (conversation?.hasOlder !== true || beforeMessageId === undefined) return;
    const request = { id: roomId, messagesPerRoom: PAGE, beforeMessageId };
    const { items } = await this.#rpc.getMessageHistory(request);
    conversation.takeOlder(items, items.length === PAGE);
  }

  /** Somebody came to a loaded room, or left it. */
  async membersChanged(roomId: string): Promise<void> {
    const conversation = this.get(roomId);
    if (conversation !== undefined) conversation.members = await this.#learnMembers(roomId);
  }

  /** The user has seen everything in this room. */
  markRead(roomId: string): void {
    const loaded = this.#loaded.get(roomId);
    const last = loaded?.conversation.lastOfOthers;
    if (last !== undefined) loaded?.marker.mark({ id: last.id, sequence: last.place });
  }

  /** Tries again to tell the service what was seen. */
  flush(): void {
    for (const { marker } of this.#loaded.values()) marker.flush();
  }

  /** The room is gone. */
  forget(roomId: string): void {
    this.#loaded.delete(roomId);
  }

  async #learnMembers(roomId: string): Promise<Members> {
    const { participants, meta } = await this.#rpc.getRoomParticipants({ id: roomId, page: 1, limit: 100 });
    for (const person of participants) this.#people.learn(person);
    const names = participants.map(({ id }) => this.#people.nameOf(id));
    return { count: meta?.totalItems ?? participants.length, names };
  }

  async #fetch(roomId: string, conversation: Conversation): Promise<void> {
    const { items } = await this.#rpc.getMessageHistory({ id: roomId, messagesPerRoom: PAGE });
    conversation.takeNewest(items, items.length === PAGE);
  }

  #forgetOldest(openId: string): void {
    for (const [id, { conversation }] of this.#loaded) {
      if (this.#loaded.size <= MAX_LOADED) return;
      if (id !== openId && !conversation.hasDrafts) this.#loaded.delete(id);
    }
  }
}
