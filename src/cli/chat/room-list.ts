import { TypingWatch } from '../../client/client.ts';
import type { RoomKey } from '../../crypto/room-keys.ts';
import type { MessageData, Room } from '../../gen/services/chat/v1/types_pb.ts';
import { previewOf, type Reader } from './message-view.ts';
import type { People } from './people.ts';
import { harmless } from './text.ts';

/** A room in the list. A change makes another entry. */
export interface RoomEntry {
  readonly id: string;
  /** Fit for a terminal, as is the preview. */
  readonly name: string;
  /** `p2p`, `group` or `channel`. */
  readonly type: string;
  readonly unread: number;
  readonly pinned: boolean;
  readonly muted: boolean;
  /** The last message in one line; empty when there is none. */
  readonly preview: string;
  /** When it was sent; empty when there is none. */
  readonly lastAt: string;
  readonly lastSequence: number;
  readonly readSequence: number;
  /** First names of those who are typing. */
  readonly typing: readonly string[];
}

interface Known {
  readonly entry: RoomEntry;
  readonly reader: Reader;
  readonly lastMessageId: string;
}

/** The user's rooms: what the service told at last, and what happened since. `changed` hears of every change, by room. */
export class RoomList {
  readonly #me: number;
  readonly #people: People;
  readonly #open: (room: Room) => RoomKey | undefined;
  readonly #changed: (roomId: string) => void;
  readonly #rooms = new Map<string, Known>();
  readonly #watch = new TypingWatch((roomId) => this.#typing(roomId));

  constructor(options: {
    readonly me: number;
    readonly people: People;
    /** The room's key; undefined when it can't be had. */
    readonly open: (room: Room) => RoomKey | undefined;
    readonly changed: (roomId: string) => void;
  }) {
    this.#me = options.me;
    this.#people = options.people;
    this.#open = options.open;
    this.#changed = options.changed;
  }

  /** Pinned first, then by recent activity. */
  get all(): readonly RoomEntry[] {
    return [...this.#rooms.values()].map(({ entry }) => entry).toSorted(inOrder);
  }

  get(roomId: string): RoomEntry | undefined {
    return this.#rooms.get(roomId)?.entry;
  }

  /** Who reads this room's messages, and how. */
  readerOf(roomId: string): Reader | undefined {
    return this.#rooms.get(roomId)?.reader;
  }

  /** What the service tells about a room. */
  put(room: Room): void {
    for (const person of [...room.participants, ...(room.partner ? [room.partner] : [])]) {
      this.#people.learn(person);
    }
    const before = this.#rooms.get(room.id);
    const reader = before?.reader ?? { me: this.#me, people: this.#people, key: this.#open(room) };
    const { lastMessage } = room;
    if (lastMessage !== undefined) this.#learnSender(lastMessage);
    const entry = {
      id: room.id,
      name: harmless(room.name),
      type: room.type,
      unread: room.unreadCount,
      pinned: room.isPinned,
      muted: room.isMuted,
      preview: lastMessage === undefined ? '' : previewOf(lastMessage, reader),
      lastAt: room.lastMessageAt,
      lastSequence: room.lastSequence,
      readSequence: room.readSequence,
      typing: before?.entry.typing ?? [],
    };
    this.#rooms.set(room.id, { entry, reader, lastMessageId: lastMessage?.id ?? '' });
    this.#changed(room.id);
  }

  /** All rooms there are, in place of those that were known. */
  replace(rooms: readonly Room[]): void {
    const ids = new Set(rooms.map(({ id }) => id));
    for (const id of [...this.#rooms.keys()]) if (!ids.has(id)) this.remove(id);
    for (const room of rooms) this.put(room);
  }

  remove(roomId: string): void {
    if (this.#rooms.delete(roomId)) this.#changed(roomId);
    this.#watch.clear(roomId);
  }

  /** A message arrived. One that the service had counted already when it last told about the room changes nothing. */
  message(message: MessageData): void {
    const known = this.#rooms.get(message.roomId);
    if (known === undefined) return;
    this.#learnSender(message);
    this.#watch.set(message.roomId, message.senderId, false);
    const { entry, reader } = this.#rooms.get(message.roomId) ?? known;
    if (message.sequence <= entry.lastSequence) return;
    const isOwn = message.senderId === this.#me;
    this.#set(message.roomId, message.id, {
      ...entry,
      unread: isOwn ? entry.unread : entry.unread + 1,
      preview: previewOf(message, reader),
      lastAt: message.createdAt,
      lastSequence: message.sequence,
    });
  }

  /** A message has another text. */
  update(message: MessageData): void {
    const known = this.#rooms.get(message.roomId);
    if (known === undefined || known.lastMessageId !== message.id) return;
    const preview = previewOf(message, known.reader);
    this.#set(message.roomId, message.id, { ...known.entry, preview });
  }

  /** The user sees everything in this room now. */
  markRead(roomId: string): void {
    const known = this.#rooms.get(roomId);
    if (known === undefined) return;
    const { entry, lastMessageId } = known;
    const isRead = entry.unread === 0 && entry.readSequence >= entry.lastSequence;
    if (!isRead) this.#set(roomId, lastMessageId, { ...entry, unread: 0, readSequence: entry.lastSequence });
  }

  /** Somebody started or stopped typing. */
  typing(roomId: string, userId: number, isTyping: boolean): void {
    if (userId !== this.#me && this.#rooms.has(roomId)) this.#watch.set(roomId, userId, isTyping);
  }

  /** Nobody is typing as far as is known. */
  stopTyping(): void {
    this.#watch.clear();
  }

  /** Hears of nothing more. */
  close(): void {
    this.#watch.close();
  }

  #typing(roomId: string): void {
    const known = this.#rooms.get(roomId);
    if (known === undefined) return;
    const typing = this.#watch.in(roomId).map((id) => this.#people.firstNameOf(id));
    this.#set(roomId, known.lastMessageId, { ...known.entry, typing });
  }

  #learnSender({ senderId: id, senderName: name, senderPhone: phone }: MessageData): void {
    this.#people.learn({ id, name, phone });
  }

  #set(roomId: string, lastMessageId: string, entry: RoomEntry): void {
    const known = this.#rooms.get(roomId);
    if (known === undefined) return;
    this.#rooms.set(roomId, { ...known, entry, lastMessageId });
    this.#changed(roomId);
  }
}

/** Who types in a room; empty: nobody. */
export function typingInWords({ typing }: RoomEntry): string {
  if (typing.length === 0) return '';
  return `${typing.join(', ')} ${typing.length === 1 ? 'is' : 'are'} typing …`;
}

function inOrder(one: RoomEntry, other: RoomEntry): number {
  if (one.pinned !== other.pinned) return one.pinned ? -1 : 1;
  return time(other) - time(one) || one.name.localeCompare(other.name);
}

function time({ lastAt }: RoomEntry): number {
  return lastAt === '' ? 0 : Date.parse(lastAt);
}
