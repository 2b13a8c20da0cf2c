import { computed, type ReadonlySignal, signal } from '@preact/signals';
import { type ChatClient, ReadMarker } from '../../client/client.ts';
import { type MessageData, type MessageEvent, MessageStatus } from '../../gen/services/chat/v1/types_pb.ts';
import { isGone } from './action-error.ts';
import type { Draft } from './drafts.ts';
import { draftView, keyOf, messageView, type ReadMessage, readMessage } from './message-view.ts';
import type { ConversationView, Member, MessageView, Person, RoomView } from './model.ts';
import type { People } from './people.ts';
import type { RoomKeys } from './room-keys.ts';
import type { RoomList } from './room-list.ts';

/** What a conversation needs. */
export interface ConversationDeps {
  readonly rpc: Pick<ChatClient['rpc'], 'getMessageHistory' | 'getRoomParticipants' | 'markMessagesAsRead'>;
  readonly me: Person;
  readonly keys: RoomKeys;
  readonly people: People;
  readonly rooms: RoomList;
  readonly drafts: ReadonlySignal<readonly Draft[]>;
}

const PAGE = 50;
/** What the service answers at most at a time. */
const MAX_PAGE = 100;
/** Members beyond these are not listed. */
const MAX_MEMBER_PAGES = 10;
const TIMEOUT_MS = 10_000;

/** The open room: its messages as far as they were loaded, kept as they are by what happens. */
export class Conversation {
  readonly roomId: string;
  readonly #deps: ConversationDeps;
  readonly #entries = new Map<string, ReadMessage>();
  readonly #views = new Map<string, MessageView>();
  readonly #deleted = new Set<string>();
  readonly #version = signal(0);
  readonly #members = signal<readonly Member[]>([]);
  readonly #isLoading = signal(true);
  readonly #hasOlder = signal(false);
  readonly #hasFailed = signal(false);
  readonly #marker: ReadMarker;
  readonly #readUpTo: number | undefined;
  /** Settles when what is being read from the record is shown. */
  #reading: Promise<unknown> = Promise.resolve();
  #readByOthers = 0;
  #role = '';
  /** Undefined when the user is not in the room any more. */
  readonly view: ReadonlySignal<ConversationView | undefined> = computed(() => {
    const room = this.#deps.rooms.view(this.roomId);
    return (
      room && {
        room,
        members: this.#members.value,
        messages: this.#messages(room),
        hasOlder: this.#hasOlder.value,
        isLoading: this.#isLoading.value,
        hasFailed: this.#hasFailed.value,
        readUpTo: this.#readUpTo,
      }
    );
  });

  constructor(roomId: string, deps: ConversationDeps) {
    this.roomId = roomId;
    this.#deps = deps;
    const room = deps.rooms.room(roomId);
    const sequence = room?.readSequence ?? 0;
    this.#readUpTo = (room?.unreadCount ?? 0) > 0 ? sequence : undefined;
    const marked = (): void => deps.rooms.markRead(roomId);
    this.#marker = new ReadMarker({ rpc: deps.rpc, roomId, sequence, marked });
  }

  /** Reads members and the newest messages; again, what is not among them goes. */
  async load(): Promise<void> {
    await this.#alone(() => this.#load());
  }

  async #load(): Promise<void> {
    try {
      const messagesPerRoom = Math.min(MAX_PAGE, Math.max(PAGE, this.#entries.size));
      const [{ items }] = await Promise.all([
        this.#deps.rpc.getMessageHistory({ id: this.roomId, messagesPerRoom }, { timeoutMs: TIMEOUT_MS }),
        this.#loadMembers(),
      ]);
      const oldest = items.at(-1)?.sequence ?? 0;
      const newest = items[0]?.sequence ?? 0;
      const ids = new Set(items.map(({ id }) => id));
      for (const [id, { message }] of this.#entries) {
        // What came after the answer was made stays.
        if (message.sequence < oldest || (message.sequence <= newest && !ids.has(id))) this.#forget(id);
      }
      await this.#addAll(items);
      this.#hasOlder.value = items.length === messagesPerRoom;
      this.#hasFailed.value = false;
    } catch (error) {
      this.#hasFailed.value = true;
      throw error;
    }
  }

  async loadOlder(): Promise<void> {
    const [first] = this.#sorted();
    if (first === undefined || !this.#hasOlder.peek() || this.#isLoading.peek()) return;
    await this.#alone(async () => {
      const { items } = await this.#deps.rpc.getMessageHistory(
        { id: this.roomId, messagesPerRoom: PAGE, beforeMessageId: first.message.id },
        { timeoutMs: TIMEOUT_MS },
      );
      await this.#addAll(items);
      this.#hasOlder.value = items.length === PAGE;
    });
  }

  /** Reads from the record; events wait for it, since they may be about messages that are on their way. */
  async #alone(read: () => Promise<void>): Promise<void> {
    this.#isLoading.value = true;
    const reading = read().finally(() => {
      this.#isLoading.value = false;
    });
    this.#reading = reading.catch(() => undefined);
    await reading;
  }

  /** Tells the service that the user has seen everything that is shown. */
  markRead(): void {
    const last = this.#sorted().findLast(({ message }) => message.senderId !== this.#deps.me.id);
    if (last !== undefined) this.#marker.mark(last.message);
  }

  /** Takes in what happened in this room. */
  async apply({ event }: MessageEvent): Promise<void> {
    await this.#reading;
    switch (event.case) {
      case 'message':
        await this.#addAll([event.value]);
        if (this.#tellsOfMembers(event.value)) await this.#reloadMembers();
        return;
      case 'updateMessage':
        if (this.#entries.has(event.value.id)) await this.#addAll([event.value]);
        return;
      case 'deleteMessage':
        return this.deleted(event.value);
      case 'statusUpdate':
        if (event.value.status === MessageStatus.READ && event.value.userId !== this.#deps.me.id)
          this.#read(event.value.messageId);
        return;
      case 'isRoomUpdated':
      case 'roomLeave':
        await this.#reloadMembers();
    }
  }

  /** The service has a message of the user, whose text is known. */
  stored(message: MessageData, text: string | undefined): void {
    if (!this.#entries.has(message.id) && !this.#deleted.has(message.id)) {
      const reply = message.reply && this.#entries.get(message.reply.id);
      this.#put({ message, text, replyText: reply?.text });
    }
  }

  async changed(message: MessageData): Promise<void> {
    await this.#addAll([message]);
  }

  deleted(messageId: string): void {
    this.#deleted.add(messageId);
    const entry = this.#entries.get(messageId);
    if (entry !== undefined) this.#put({ ...entry, message: { ...entry.message, isDeleted: true } });
  }

  /** The text of a message that is shown. */
  textOf(messageId: string): string | undefined {
    return this.#entries.get(messageId)?.text;
  }

  /** The user's own reaction to a message; empty: none. */
  reactionOf(messageId: string): string {
    const reactions = this.#entries.get(messageId)?.message.reactions ?? [];
    return reactions.find(({ reactedById }) => Number(reactedById) === this.#deps.me.id)?.reaction ?? '';
  }

  /** Who is in the room has changed; of the user himself the next event tells. */
  #tellsOfMembers({ event, content }: MessageData): boolean {
    if (event === 'remove_member') return this.#deps.people.nameOfPhone(content) !== 'You';
    return event === 'new_member';
  }

  /** Who has just left the room is told so by an event that comes later. */
  async #reloadMembers(): Promise<void> {
    await this.#loadMembers().catch((error: unknown) => {
      if (!isGone(error)) throw error;
    });
  }

  async #loadMembers(): Promise<void> {
    const members: Member[] = [];
    for (let page = 1; page <= MAX_MEMBER_PAGES; page += 1) {
      const request = { id: this.roomId, page, limit: MAX_PAGE };
      const { participants, meta } = await this.#deps.rpc.getRoomParticipants(request, {
        timeoutMs: TIMEOUT_MS,
      });
      this.#deps.people.learnMembers(participants);
      for (const { id, name, avatar, role } of participants) {
        members.push({ id, name, avatar, role: role === 'OWNER' || role === 'ADMIN' ? role : 'MEMBER' });
      }
      if (page >= (meta?.totalPages ?? 1)) break;
    }
    this.#members.value = members;
    this.#renew();
  }

  async #addAll(messages: readonly MessageData[]): Promise<void> {
    const { keys, people } = this.#deps;
    for (const message of messages) people.learnSender(message);
    const read = await Promise.all(messages.map((message) => readMessage(message, keys)));
    for (const one of read) {
      const { id, updatedAt } = one.message;
      const known = this.#entries.get(id)?.message;
      // An answer may be older than what was heard meanwhile.
      const isOlder = known !== undefined && Date.parse(known.updatedAt) > Date.parse(updatedAt);
      if (!isOlder && !this.#deleted.has(id)) this.#put(one);
    }
  }

  #put(entry: ReadMessage): void {
    // Others may quote the one that has changed.
    if (this.#entries.has(entry.message.id)) this.#views.clear();
    this.#entries.set(entry.message.id, entry);
    this.#version.value += 1;
  }

  #forget(id: string): void {
    this.#entries.delete(id);
    this.#views.delete(id);
  }

  /** Names, roles or ticks are others now. */
  #renew(): void {
    this.#views.clear();
    this.#version.value += 1;
  }

  #read(messageId: string): void {
    const sequence = this.#entries.get(messageId)?.message.sequence ?? 0;
    if (sequence <= this.#readByOthers) return;
    this.#readByOthers = sequence;
    this.#renew();
  }

  #sorted(): readonly ReadMessage[] {
    return [...this.#entries.values()].sort((a, b) => a.message.sequence - b.message.sequence);
  }

  #messages(room: RoomView): readonly MessageView[] {
    this.#version.value;
    if (room.role !== this.#role) this.#views.clear();
    this.#role = room.role;
    const { me, drafts } = this.#deps;
    const entries = this.#sorted();
    const keys = new Set(entries.map(({ message }) => keyOf(message, me.id)));
    const waiting = drafts.value.filter(({ roomId, key }) => roomId === this.roomId && !keys.has(key));
    return [
      ...entries.map((entry) => this.#viewOf(entry, room)),
      ...waiting.map((draft) => this.#draftView(draft)),
    ];
  }

  #viewOf(entry: ReadMessage, room: RoomView): MessageView {
    const { id } = entry.message;
    const known = this.#views.get(id);
    if (known !== undefined) return known;
    const { me, people } = this.#deps;
    const quoted = this.#entries.get(entry.message.reply?.id ?? '');
    const replyText = quoted?.message.isDeleted ? '' : (quoted?.text ?? entry.replyText);
    const view = messageView(
      { ...entry, replyText },
      { me: me.id, people, room, readUpTo: this.#readByOthers },
    );
    this.#views.set(id, view);
    return view;
  }

  #draftView(draft: Draft): MessageView {
    const { me, people } = this.#deps;
    const { replyTo = '', mentions = [] } = draft.extras;
    const answered = this.#entries.get(replyTo);
    const reply = answered && {
      id: replyTo,
      senderName: people.nameOf(answered.message.senderId),
      text: answered.text,
    };
    const named = mentions.map((mention) => ({ ...mention, name: people.byId(mention.userId).name }));
    return draftView({ ...draft, reply, mentions: named }, me);
  }
}
