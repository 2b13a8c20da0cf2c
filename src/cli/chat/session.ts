import type { ChatClient, ChatEvent } from '../../client/client.ts';
import type { RoomKey } from '../../crypto/room-keys.ts';
import type { Room } from '../../gen/services/chat/v1/types_pb.ts';
import { CommandError } from '../command.ts';
import type { ChatView } from './chat-view.ts';
import { obey } from './commands.ts';
import { type ChatRpc, failureInWords } from './connection.ts';
import type { Conversation, Item, MessageItem } from './conversation.ts';
import { Conversations } from './conversations.ts';
import { EventTaker } from './event-taker.ts';
import { type Connection, Link } from './link.ts';
import { People } from './people.ts';
import { type RoomEntry, RoomList, typingInWords } from './room-list.ts';
import { Turns, untilDone } from './turns.ts';
import { Writer } from './writer.ts';

/** What the next line is about. */
export interface Target {
  readonly kind: 'reply' | 'edit';
  readonly message: MessageItem;
}

/** What a session needs. */
interface SessionOptions {
  readonly client: ChatClient;
  readonly me: number;
  /** The room that is open at first. */
  readonly first: Room;
  /** Undefined: nothing can be read or written there. */
  readonly keyOf: (room: Room) => RoomKey | undefined;
  readonly view: ChatView;
  /** Whether to end when the user is removed from the open room, or to open another one. */
  readonly endsWithRoom: boolean;
}

/** Waiting lines are given so long when the user leaves. */
const PATIENCE_MS = 5_000;

/**
 * A user's chat: all his rooms by one stream, one of them open. Whatever reads or changes rooms and conversations takes its turn, so an
 * answer of the service is never older than the events before it.
 */
export class ChatSession {
  readonly me: number;
  readonly rooms: RoomList;
  readonly view: ChatView;
  readonly people: People;
  readonly #options: SessionOptions;
  readonly #client: ChatClient;
  readonly #quit = new AbortController();
  readonly #turns = new Turns();
  readonly #conversations: Conversations;
  readonly #events: EventTaker;
  readonly #writer: Writer;
  readonly #link: Link;
  #started = false;
  #roomId = '';
  #target: Target | undefined;

  constructor(options: SessionOptions) {
    const { client, me, view } = options;
    this.#options = options;
    this.#client = client;
    this.me = me;
    this.view = view;
    this.people = new People(me);
    const { people } = this;
    this.rooms = new RoomList({
      ...{ me, people, open: options.keyOf },
      changed: (roomId) => this.#roomChanged(roomId),
    });
    this.#conversations = new Conversations({
      ...{ rpc: client.rpc, rooms: this.rooms, people },
      changed: (roomId, item) => this.#itemChanged(roomId, item),
    });
    this.#link = new Link(me, view);
    this.#writer = new Writer(client, () => this.connection.status === 'online');
    this.#events = new EventTaker({
      ...{ me, view, rpc: client.rpc, rooms: this.rooms, conversations: this.#conversations },
      openId: () => this.#roomId,
      left: (roomId, reason) => this.#left(roomId, reason),
    });
  }

  get rpc(): ChatRpc {
    return this.#client.rpc;
  }

  /** The open room, also while its conversation is still loading; undefined: there is none. */
  get room(): RoomEntry | undefined {
    return this.rooms.get(this.#roomId);
  }

  get conversation(): Conversation | undefined {
    return this.#conversations.get(this.#roomId);
  }

  get connection(): Connection {
    return this.#link.connection;
  }

  /** Own lines that wait for the service. */
  get waiting(): number {
    return this.#client.waiting;
  }

  get target(): Target | undefined {
    return this.#target;
  }

  /** Calls `ready` when the first room is open. Resolves when the user has quit, or with the open room; rejects when the service refuses. */
  async run(ready: () => void): Promise<void> {
    const { signal } = this.#quit;
    const take = async (one: ChatEvent): Promise<void> =>
      await untilDone(
        () => this.#take(one),
        () => this.#started,
        signal,
      );
    try {
      for await (const one of this.#client.events()) {
        const wasStarted = this.#started;
        await this.#turns.take(() => take(one));
        if (this.#started && !wasStarted) ready();
      }
    } finally {
      this.quit();
      this.rooms.close();
      this.#writer.close();
    }
  }

  quit(): void {
    this.#quit.abort();
    this.#client.close();
  }

  /** Quits when what was said is sent, or after a few seconds. */
  async finish(): Promise<void> {
    const patience = AbortSignal.timeout(PATIENCE_MS);
    const expired = new Promise<void>((resolve) => patience.addEventListener('abort', () => resolve()));
    await Promise.race([this.#writer.settled(), expired]);
    this.quit();
  }

  /** A key was pressed on a line that is going to be said. */
  typing(): void {
    if (this.conversation !== undefined) this.#writer.typing(this.#roomId);
  }

  /** A typed line: a command, something to say, or the new text of the message that is being edited. */
  line(text: string): void {
    const line = text.trim();
    if (line === '') return;
    if (/^\/(?!\/)/.test(line)) obey(line, this);
    else this.attempt('', () => this.say(line.replace(/^\/\//, '/')));
  }

  /** Says what goes wrong. */
  attempt(what: string, work: () => Promise<void>): void {
    work().catch((error: unknown) => {
      if (!this.#quit.signal.aborted) this.view.notice(`${what}${failureInWords(error)}`, 'bad');
    });
  }

  /** Says it in the open room, about the target when there is one. Rejects when that can't be. */
  async say(text: string): Promise<void> {
    const target = this.#target;
    const { conversation } = this;
    const reader = this.rooms.readerOf(this.#roomId);
    if (conversation === undefined || reader === undefined) throw new CommandError('no room is open yet');
    this.aim(undefined);
    const desk = { roomId: this.#roomId, conversation, reader };
    if (target?.kind === 'edit') await this.#writer.edit(desk, target.message, text);
    else this.#writer.say(desk, text, target?.message);
  }

  /** Opens a room of the list; its conversation comes when it is loaded. */
  open(roomId: string): void {
    if (roomId === this.#roomId && this.conversation !== undefined) return;
    this.#writer.stopTyping();
    this.#roomId = roomId;
    this.aim(undefined);
    this.attempt('', () => this.#turns.take(() => this.#load(roomId)));
  }

  /** Loads what was said before in the open room. */
  async older(): Promise<void> {
    const roomId = this.#roomId;
    await this.#turns.take(() => this.#conversations.older(roomId));
  }

  /** Does with the open room what the service tells nobody about, and reads it again. */
  async changeRoom(change: (roomId: string) => Promise<unknown>): Promise<void> {
    const roomId = this.#roomId;
    await change(roomId);
    await this.#turns.take(() => this.#events.refresh(roomId));
  }

  /** What the next line is about; undefined: nothing but itself. */
  aim(target: Target | undefined): void {
    this.#target = target;
    if (target?.kind === 'edit') this.view.prefill(target.message.view.text ?? '');
    this.view.changed();
  }

  async #take(one: ChatEvent): Promise<void> {
    if (one.type === 'event') await this.#events.take(one.event);
    else if (one.type === 'resync') await this.#events.resync(one.reason);
    else if (one.status === 'online') await (this.#started ? this.#resume() : this.#start());
    else if (one.status === 'connecting') this.#link.connecting();
    else if (!this.#started) {
      // Who has just started wants to know; later it is worth waiting.
      throw one.error;
    } else {
      this.rooms.stopTyping();
      this.#link.offline(one.nextDelayMs, this.conversation);
    }
  }

  async #start(): Promise<void> {
    const { first } = this.#options;
    await this.#events.loadRooms();
    if (this.rooms.get(first.id) === undefined) this.rooms.put(first);
    this.#roomId = first.id;
    await this.#load(first.id);
    this.#link.online(undefined, 0);
    this.#started = true;
  }

  async #resume(): Promise<void> {
    const { conversation } = this;
    // The user may have been removed meanwhile: then another room is open behind it.
    await this.#events.refresh(this.#roomId);
    this.#link.online(conversation, this.room?.lastSequence ?? 0);
    this.#conversations.flush();
    if (this.conversation === undefined) await this.#load(this.#roomId);
  }

  async #load(roomId: string): Promise<void> {
    // The user may have gone on to another room.
    if (roomId !== this.#roomId) return;
    const conversation = await this.#conversations.load(roomId);
    const room = this.rooms.get(roomId);
    if (conversation === undefined || room === undefined || roomId !== this.#roomId) return;
    conversation.unreadAfter = room.unread > 0 ? room.readSequence : undefined;
    const about =
      room.type === 'p2p' ? 'just the two of you' : `${room.type}, ${conversation.members.count} members`;
    this.view.opened(room, conversation, about);
    this.view.typing(typingInWords(room));
    this.#events.seen(roomId);
  }

  #left(roomId: string, reason: string | undefined): void {
    if (roomId !== this.#roomId) return;
    const why = reason === 'kicked' ? 'you were removed from this room' : 'you are not in this room any more';
    this.view.notice(why, 'bad');
    const [next] = this.rooms.all;
    if (this.#options.endsWithRoom) this.quit();
    else if (next !== undefined) this.open(next.id);
  }

  #roomChanged(roomId: string): void {
    const room = this.rooms.get(roomId);
    if (roomId === this.#roomId && room !== undefined) this.view.typing(typingInWords(room));
    this.view.changed();
  }

  #itemChanged(roomId: string, item: Item): void {
    if (roomId === this.#roomId && this.conversation !== undefined) this.view.item(item);
    this.view.changed();
  }
}
