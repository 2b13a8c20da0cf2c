import { computed, type ReadonlySignal, signal } from '@preact/signals';
import { type ChatClient, TypingWatch } from '../../client/client.ts';
import {
  type MessageData,
  type MessageEvent,
  MessageStatus,
  type Room,
} from '../../gen/services/chat/v1/types_pb.ts';
import { isGone } from './action-error.ts';
import type { RoomView } from './model.ts';
import type { People } from './people.ts';
import type { RoomKeys } from './room-keys.ts';
import { byActivity, isFound, roomView } from './room-view.ts';
import { attachmentText, systemText } from './words.ts';

/** What the list of rooms needs. */
export interface RoomListDeps {
  readonly rpc: Pick<ChatClient['rpc'], 'getRooms' | 'getRoom'>;
  readonly me: number;
  readonly keys: RoomKeys;
  readonly people: People;
  /** What is said in that room now is seen at once. */
  readonly isSeen: (roomId: string) => boolean;
}

const PAGE = 50;
/** Rooms beyond these are found by searching. */
const MAX_PAGES = 10;
const TIMEOUT_MS = 10_000;
const SEARCH_MS = 250;

/** The user's rooms, kept as they are by what happens. */
export class RoomList {
  readonly #deps: RoomListDeps;
  readonly #rooms = new Map<string, Room>();
  readonly #texts = new Map<string, string>();
  readonly #views = new Map<string, RoomView>();
  readonly #version = signal(0);
  readonly #hasLoaded = signal(false);
  readonly #search = signal('');
  readonly #typing = new TypingWatch((roomId) => this.#touch(roomId));
  #hasMore = false;
  #searchTimer: ReturnType<typeof setTimeout> | undefined;
  readonly hasLoaded: ReadonlySignal<boolean> = this.#hasLoaded;
  readonly search: ReadonlySignal<string> = this.#search;
  /** In order. */
  readonly all: ReadonlySignal<readonly RoomView[]> = computed(() => {
    this.#version.value;
    return [...this.#rooms.values()].sort(byActivity).flatMap(({ id }) => this.view(id) ?? []);
  });
  /** Those of them that match the search. */
  readonly rooms: ReadonlySignal<readonly RoomView[]> = computed(() =>
    this.all.value.filter(({ name }) => isFound(name, this.#search.value)),
  );

  constructor(deps: RoomListDeps) {
    this.#deps = deps;
  }

  /** A room as it is now; a signal that reads it hears of its changes. */
  view(roomId: string): RoomView | undefined {
    this.#version.value;
    const room = this.#rooms.get(roomId);
    const known = this.#views.get(roomId);
    if (room === undefined || known !== undefined) return known;
    const { people, me } = this.#deps;
    const typing = this.#typing.in(roomId).map((id) => people.nameOf(id));
    const { lastMessage } = room;
    // What happened in the room is told with the names of those who did it.
    const isSaid = lastMessage !== undefined && lastMessage.type !== 'system_message';
    const senderName = isSaid ? people.nameOf(lastMessage.senderId) : '';
    const view = roomView(room, { me, text: this.#texts.get(roomId) ?? '', senderName, typing });
    this.#views.set(roomId, view);
    return view;
  }

  room(roomId: string): Room | undefined {
    return this.#rooms.get(roomId);
  }

  /** Reads all rooms again. */
  async load(): Promise<void> {
    const seen = new Set<string>();
    for (let page = 1; page <= MAX_PAGES; page += 1) {
      const { items, meta } = await this.#deps.rpc.getRooms({ page, limit: PAGE }, { timeoutMs: TIMEOUT_MS });
      await this.#put(items);
      for (const { id } of items) seen.add(id);
      this.#hasMore = page < (meta?.totalPages ?? 1);
      this.#hasLoaded.value = true;
      if (!this.#hasMore) break;
    }
    if (this.#hasMore) return;
    for (const id of this.#rooms.keys()) if (!seen.has(id)) this.#remove(id);
  }

  setSearch(text: string): void {
    this.#search.value = text;
    clearTimeout(this.#searchTimer);
    if (!this.#hasMore || text.trim() === '') return;
    // What is not found is not shown; the next key tries again.
    const look = async (): Promise<void> => {
      const { items } = await this.#deps.rpc.getRooms(
        { page: 1, limit: PAGE, search: text.trim() },
        { timeoutMs: TIMEOUT_MS },
      );
      await this.#put(items);
    };
    this.#searchTimer = setTimeout(() => void look().catch(() => undefined), SEARCH_MS);
  }

  /** Reads one room again; one that the user is not in any more goes. */
  async refresh(roomId: string): Promise<void> {
    try {
      const { room } = await this.#deps.rpc.getRoom({ id: roomId }, { timeoutMs: TIMEOUT_MS });
      if (room !== undefined) await this.#put([room]);
    } catch (error) {
      if (!isGone(error)) throw error;
      this.#remove(roomId);
    }
  }

  /** Takes in a room that the service has just told of. */
  async put(room: Room): Promise<void> {
    await this.#put([room]);
  }

  /** The user has left it. */
  forget(roomId: string): void {
    this.#remove(roomId);
  }

  /** Everything in it was read by the user. */
  markRead(roomId: string): void {
    const room = this.#rooms.get(roomId);
    if (room === undefined) return;
    room.unreadCount = 0;
    room.readSequence = room.lastSequence;
    this.#touch(roomId);
  }

  /** Nobody is typing as far as is known. */
  stopTyping(): void {
    this.#typing.clear();
  }

  /** Takes in what happened. */
  async apply({ roomId, room, event }: MessageEvent): Promise<void> {
    switch (event.case) {
      case 'message':
        return await this.#message(roomId, event.value);
      case 'updateMessage':
        return await this.#changed(roomId, event.value);
      case 'deleteMessage':
        return await this.#deleted(roomId, event.value);
      case 'statusUpdate':
        if (event.value.status === MessageStatus.READ) await this.#read(roomId, event.value);
        return;
      case 'roomJoin':
      case 'isRoomUpdated':
        return room === undefined ? await this.refresh(roomId) : await this.#put([room]);
      case 'roomLeave':
        if (event.value.usersId.includes(this.#deps.me)) this.#remove(roomId);
        return;
      case 'typing':
        if (event.value.userId !== this.#deps.me)
          this.#typing.set(roomId, event.value.userId, event.value.isTyping);
    }
  }

  async #message(roomId: string, message: MessageData): Promise<void> {
    const room = this.#rooms.get(roomId);
    if (room === undefined) {
      // Who has just left hears of it once more.
      return message.event === 'remove_member' ? undefined : await this.refresh(roomId);
    }
    this.#typing.set(roomId, message.senderId, false);
    // Known: the room was read when this had happened.
    if (message.sequence <= room.lastSequence) return;
    room.lastMessage = message;
    room.lastMessageAt = message.createdAt;
    room.lastSequence = message.sequence;
    if (message.senderId !== this.#deps.me && !this.#deps.isSeen(roomId)) room.unreadCount += 1;
    await this.#describe(room);
    this.#touch(roomId);
  }

  async #changed(roomId: string, message: MessageData): Promise<void> {
    const room = this.#rooms.get(roomId);
    if (room?.lastMessage?.id !== message.id) return;
    room.lastMessage = message;
    await this.#describe(room);
    this.#touch(roomId);
  }

  async #deleted(roomId: string, messageId: string): Promise<void> {
    const room = this.#rooms.get(roomId);
    // It may be one of those that were not read.
    if (room !== undefined && (room.lastMessage?.id === messageId || room.unreadCount > 0))
      await this.refresh(roomId);
  }

  async #read(
    roomId: string,
    { messageId, userId }: { readonly messageId: string; readonly userId: number },
  ): Promise<void> {
    const room = this.#rooms.get(roomId);
    if (room === undefined) return;
    const isLast = room.lastMessage?.id === messageId;
    if (userId === this.#deps.me) {
      if (isLast) this.markRead(roomId);
      else if (room.unreadCount > 0) await this.refresh(roomId);
    } else if (isLast && room.lastMessage !== undefined) {
      room.lastMessage.status = MessageStatus.READ;
      this.#touch(roomId);
    }
  }

  async #put(rooms: readonly Room[]): Promise<void> {
    const { keys, people } = this.#deps;
    for (const room of rooms) {
      keys.learn(room);
      people.learnRoom(room);
      if (room.lastMessage !== undefined) people.learnSender(room.lastMessage);
    }
    await Promise.all(rooms.map((room) => this.#describe(room)));
    for (const room of rooms) {
      this.#rooms.set(room.id, room);
      this.#views.delete(room.id);
    }
    this.#version.value += 1;
  }

  /** Finds the text of the last message. */
  async #describe({ id, lastMessage }: Room): Promise<void> {
    if (lastMessage === undefined) this.#texts.delete(id);
    else this.#texts.set(id, await this.#textOf(id, lastMessage));
  }

  async #textOf(roomId: string, message: MessageData): Promise<string> {
    if (message.type === 'system_message') return systemText(message, this.#deps.people);
    if (message.content === '') return attachmentText(message);
    return (await this.#deps.keys.decrypt(roomId, message.content)) ?? '🔒 Encrypted';
  }

  #remove(roomId: string): void {
    this.#rooms.delete(roomId);
    this.#texts.delete(roomId);
    this.#touch(roomId);
  }

  #touch(roomId: string): void {
    this.#views.delete(roomId);
    this.#version.value += 1;
  }
}
