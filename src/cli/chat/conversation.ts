import type { MessageData } from '../../gen/services/chat/v1/types_pb.ts';
import {
  draftView,
  type MessageView,
  type Quote,
  type Reader,
  systemText,
  type Tick,
  tickOf,
  viewOf,
} from './message-view.ts';

/** Something that was said or happened in a room. A change makes another item with the same key. */
export type Item = {
  readonly key: string;
  /** Of the stored message; empty until then. */
  readonly id: string;
  /** Its sequence; what is not stored comes after what was when it was typed. */
  readonly place: number;
  readonly at: Date;
  readonly senderId: number;
} & (
  | { readonly kind: 'message'; readonly view: MessageView }
  | { readonly kind: 'system'; readonly text: string }
);

/** A message that replying, editing and so on can be about. */
export type MessageItem = Extract<Item, { readonly kind: 'message' }>;

/** Who is in a room. */
export interface Members {
  readonly count: number;
  /** Of the first 100, by name. */
  readonly names: readonly string[];
}

/** Items that a conversation remembers. */
const MAX_ITEMS = 2_000;

/**
 * What is known of a room's messages: a stretch without holes up to the newest one, each message once, in order, and after them the
 * user's own that are on their way. `changed` hears each item that is new or another.
 */
export class Conversation {
  /** Messages of others after this sequence were unread when the room was opened; undefined: none. */
  unreadAfter: number | undefined;
  /** How many people are in the room, and what they are called, as far as that is known. */
  members: Members = { count: 0, names: [] };
  readonly #reader: Reader;
  readonly #changed: (item: Item) => void;
  #items: Item[] = [];
  #hasOlder = false;

  constructor(reader: Reader, changed: (item: Item) => void) {
    this.#reader = reader;
    this.#changed = changed;
  }

  /** In order. */
  get items(): readonly Item[] {
    return this.#items;
  }

  /** Something typed is on its way. */
  get hasDrafts(): boolean {
    return this.#items.some(({ place }) => place === Number.POSITIVE_INFINITY);
  }

  /** The service has messages before the first one, and there is room for them. */
  get hasOlder(): boolean {
    return this.#hasOlder && this.#items.length < MAX_ITEMS;
  }

  /** 0 when no stored message is known. */
  get firstSequence(): number {
    return this.#items.find(isStored)?.place ?? 0;
  }

  /** 0 when no stored message is known. */
  get lastSequence(): number {
    return this.#items.findLast(isStored)?.place ?? 0;
  }

  /** Of the oldest message; undefined when there is none. */
  get firstId(): string | undefined {
    return this.#items.find(isStored)?.id;
  }

  /** The n-th message from the bottom, counted from 1; undefined when it isn't there, is deleted or not stored. */
  nth(n: number): MessageItem | undefined {
    return this.#countable().at(-n);
  }

  /** The user's own newest message that is stored and not deleted. */
  get lastOwn(): MessageItem | undefined {
    return this.#countable().findLast(({ senderId }) => senderId === this.#reader.me);
  }

  /** The newest message by somebody else: who has read it has read all. */
  get lastOfOthers(): Item | undefined {
    return this.#items.findLast((item) => isStored(item) && item.senderId !== this.#reader.me);
  }

  /** The numbers by which {@link nth} finds messages, by key. */
  numbers(): ReadonlyMap<string, number> {
    const all = this.#countable();
    return new Map(all.map(({ key }, index) => [key, all.length - index]));
  }

  /**
   * Takes the newest messages of the history, newest first. When they don't reach to what is known, that is forgotten: it could be
   * loaded again.
   */
  takeNewest(messages: readonly MessageData[], hasOlder: boolean): void {
    const oldest = messages.at(-1)?.sequence ?? 0;
    const known = this.firstSequence;
    if (oldest > this.lastSequence + 1) this.#items = this.#items.filter((item) => !isStored(item));
    if (this.firstSequence === 0 || oldest < known) this.#hasOlder = hasOlder;
    for (const message of messages.toReversed()) this.#put(message);
  }

  /** Takes messages that come before the first one, newest first. */
  takeOlder(messages: readonly MessageData[], hasOlder: boolean): void {
    this.#hasOlder = hasOlder;
    for (const message of messages) this.#put(message);
  }

  /** A stored message: new, or known and perhaps read since. What comes before the first known one is left to the history. */
  add(message: MessageData): void {
    if (message.sequence >= this.firstSequence) this.#put(message);
    if (this.#items.length <= MAX_ITEMS) return;
    this.#items.shift();
    this.#hasOlder = true;
  }

  /** A message has another text or other reactions. */
  update(message: MessageData): void {
    this.#changeView(message.id, (view) => {
      const { text, edited, reactions } = viewOf(message, this.#reader);
      return { ...view, text, edited, reactions };
    });
  }

  remove(messageId: string): void {
    this.#changeView(messageId, (view) => ({ ...view, deleted: true }));
  }

  /** Somebody has read everything up to this message. */
  read(messageId: string): void {
    const upTo = this.#items.find(({ id }) => id === messageId)?.place;
    if (upTo === undefined) return;
    for (const item of [...this.#items]) {
      if (isStored(item) && item.place <= upTo) this.#tick(item, 'read');
    }
  }

  /** An own message that is on its way. */
  addDraft(senderMessageId: string, text: string, reply: Quote | undefined): void {
    const view = draftView(text, reply, this.#reader);
    const place = Number.POSITIVE_INFINITY;
    this.#set({
      ...{ kind: 'message', key: senderMessageId, id: '', place, at: new Date(), view },
      senderId: view.senderId,
    });
  }

  /** A draft that will never be sent stays where it was typed. */
  refuseDraft(senderMessageId: string, problem: string): void {
    const item = this.#items.find(({ key }) => key === senderMessageId);
    if (item?.kind !== 'message' || item.id !== '') return;
    const view = { ...item.view, tick: 'failed', problem } as const;
    this.#set({ ...item, place: this.lastSequence + 0.5, view });
  }

  #put(message: MessageData): void {
    const { people, me } = this.#reader;
    people.learn({ id: message.senderId, name: message.senderName, phone: message.senderPhone });
    const known = this.#items.find(({ id }) => id === message.id);
    if (known !== undefined) {
      this.#tick(known, tickOf(message));
      return;
    }
    const { id, sequence: place, senderId, senderMessageId = '' } = message;
    const key = senderId === me && senderMessageId !== '' ? senderMessageId : id;
    const base = { key, id, place, at: new Date(message.createdAt), senderId };
    this.#set(
      message.type === 'system_message'
        ? { ...base, kind: 'system', text: systemText(message, this.#reader) }
        : { ...base, kind: 'message', view: viewOf(message, this.#reader) },
    );
  }

  #tick(item: Item, tick: Tick): void {
    if (item.kind !== 'message' || item.view.tick !== 'sent' || tick !== 'read') return;
    this.#set({ ...item, view: { ...item.view, tick } });
  }

  #changeView(messageId: string, change: (view: MessageView) => MessageView): void {
    const item = this.#items.find(({ id }) => id === messageId);
    if (item?.kind === 'message') this.#set({ ...item, view: change(item.view) });
  }

  /** In its place, instead of the item with the same key. */
  #set(item: Item): void {
    const before = this.#items.findIndex(({ key }) => key === item.key);
    if (before !== -1 && this.#items[before]?.place === item.place) {
      this.#items = this.#items.with(before, item);
    } else {
      const others = before === -1 ? this.#items : this.#items.toSpliced(before, 1);
      const after = others.findLastIndex(({ place }) => place <= item.place);
      this.#items = others.toSpliced(after + 1, 0, item);
    }
    this.#changed(item);
  }

  #countable(): MessageItem[] {
    return this.#items.filter(
      (item): item is MessageItem => item.kind === 'message' && item.id !== '' && !item.view.deleted,
    );
  }
}

function isStored({ id }: Item): boolean {
  return id !== '';
}
