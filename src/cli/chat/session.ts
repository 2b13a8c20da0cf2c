import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type ChatClient, type ChatEvent, ClientClosedError } from '../../client/client.ts';
import { failureOf } from '../../client/retry.ts';
import type { RoomKey } from '../../crypto/room-keys.ts';
import {
  type MessageData,
  type MessageEvent,
  MessageStatus,
  type Room,
} from '../../gen/services/chat/v1/types_pb.ts';
import { type CommandDeps, obey } from './commands.ts';
import { refusalInWords } from './connection.ts';
import type { Look } from './look.ts';
import { Members } from './members.ts';
import { ReadMarker } from './read-marker.ts';
import type { Screen } from './screen.ts';
import { harmless } from './text.ts';
import { Transcript } from './transcript.ts';
import { TypingSignal, TypingWatch } from './typing.ts';

const HISTORY = 50;
/** Between two tries of what an event makes necessary. */
const REPEAT_MS = 500;

/** One room on one screen, from the first event until the user quits. */
export class ChatSession {
  readonly #client: ChatClient;
  readonly #room: Room;
  readonly #me: number;
  readonly #screen: Screen;
  readonly #look: Look;
  readonly #quit = new AbortController();
  readonly #members: Members;
  readonly #commands: CommandDeps;
  readonly #transcript: Transcript;
  readonly #readMarker: ReadMarker;
  readonly #typingSignal: TypingSignal;
  readonly #typingWatch = new TypingWatch((userIds) => this.#showTyping(userIds));
  /** Of the newest own line, and so of all before it. */
  #sending: Promise<void> = Promise.resolve();
  #opened = false;
  #connected = true;
  /** The newest message shown when the connection went. */
  #lostAt = 0;
  /** Own lines that were stored since: sending may be back before the stream is. */
  #storedSince = 0;

  constructor(options: {
    readonly client: ChatClient;
    readonly room: Room;
    readonly me: number;
    /** Undefined: nothing can be read or written. */
    readonly key: RoomKey | undefined;
    readonly screen: Screen;
    readonly look: Look;
  }) {
    const { client, room, screen, look } = options;
    this.#client = client;
    this.#room = room;
    this.#me = options.me;
    this.#screen = screen;
    this.#look = look;
    this.#members = new Members(client.rpc, room.id);
    this.#transcript = new Transcript({ ...options, members: this.#members });
    this.#readMarker = new ReadMarker(client.rpc, room.id);
    const quit = async (): Promise<void> => await this.finish();
    this.#commands = { rpc: client.rpc, me: options.me, members: this.#members, screen, look, quit };
    this.#typingSignal = new TypingSignal((isTyping) => this.#sendTyping(isTyping));
  }

  /** Resolves when the user has quit or is no longer in the room; rejects when the service refuses. */
  async run(): Promise<void> {
    try {
      for await (const one of this.#client.events({ roomId: this.#room.id })) {
        await this.#untilDone(() => this.#take(one));
      }
    } finally {
      this.quit();
      this.#typingWatch.clear();
      this.#typingSignal.close();
    }
  }

  quit(): void {
    this.#quit.abort();
    this.#client.close();
  }

  /** The input has ended: what was said is still sent, for a few seconds. */
  async finish(): Promise<void> {
    const patience = AbortSignal.timeout(5_000);
    const expired = new Promise<void>((resolve) => patience.addEventListener('abort', () => resolve()));
    await Promise.race([this.#sending, expired]);
    this.quit();
  }

  typing(): void {
    this.#typingSignal.key();
  }

  /** A typed line: a command or something to say. */
  line(text: string): void {
    const line = text.trim();
    if (line === '') return;
    if (line.startsWith('/')) obey(line, this.#commands);
    else this.#say(line);
  }

  #say(text: string): void {
    const content = this.#transcript.encrypt(text);
    if (content === undefined)
      this.#notice('without the room key nothing can be sent: see --chat-key', 'bad');
    else this.#sending = this.#send(text, content);
    this.#typingSignal.stop();
  }

  async #send(text: string, content: string): Promise<void> {
    const senderMessageId = randomUUID();
    this.#transcript.addDraft(senderMessageId, text);
    try {
      this.#stored(await this.#client.send(this.#room.id, content, { senderMessageId }));
    } catch (error) {
      if (error instanceof ClientClosedError) return;
      this.#transcript.refuseDraft(senderMessageId, refusalInWords(error));
    }
  }

  async #take(one: ChatEvent): Promise<void> {
    if (one.type === 'event') await this.#event(one.event);
    else if (one.type === 'resync') await this.#resync(one.reason);
    else if (one.status === 'online') await (this.#opened ? this.#resumed() : this.#open());
    else if (one.status === 'offline') {
      // Who has just started wants to know; later it is worth waiting.
      if (!this.#opened) throw one.error;
      this.#lost();
    }
  }

  /** What an event makes necessary is repeated until it works, or the screen would lack it. */
  async #untilDone(work: () => Promise<void>): Promise<void> {
    while (!this.#quit.signal.aborted) {
      try {
        return await work();
      } catch (error) {
        if (!this.#opened || failureOf(error) === 'final') throw error;
        await delay(REPEAT_MS, undefined, { signal: this.#quit.signal }).catch(() => undefined);
      }
    }
  }

  async #open(): Promise<void> {
    await this.#members.load();
    this.#look.align(this.#members.names);
    const { name, type } = this.#room;
    const count = this.#members.list.length;
    const about = `${type === 'p2p' ? 'just the two of you' : `${type}, ${count} members`} · /help`;
    this.#screen.add(this.#look.title(harmless(name), about));
    await this.#loadHistory();
    this.#opened = true;
  }

  /** `why` is said before what is new. */
  async #loadHistory(why?: string): Promise<void> {
    const last = this.#transcript.lastSequence;
    const { items } = await this.#client.rpc.getMessageHistory({
      id: this.#room.id,
      messagesPerRoom: HISTORY,
    });
    if (why !== undefined) this.#notice(why);
    const oldest = items.at(-1)?.sequence ?? 0;
    if (last > 0 && oldest > last + 1) this.#notice(`only the last ${items.length} messages are shown`);
    for (const message of items.toReversed()) this.#add(message);
  }

  #lost(): void {
    if (!this.#connected) return;
    this.#connected = false;
    this.#lostAt = this.#transcript.lastSequence;
    this.#storedSince = 0;
    this.#typingWatch.clear();
    this.#notice('connection lost, trying again …', 'bad');
    this.#screen.setStatus(this.#look.status('offline: what you type is sent when the connection is back'));
  }

  #stored(message: MessageData): void {
    this.#transcript.add(message);
    if (message.sequence > this.#lostAt) this.#storedSince += 1;
  }

  async #resumed(): Promise<void> {
    const { room } = await this.#client.rpc.getRoom({ id: this.#room.id });
    const missed = Math.max(0, (room?.lastSequence ?? 0) - this.#lostAt - this.#storedSince);
    this.#connected = true;
    this.#screen.setStatus('');
    const news = missed === 0 ? 'nothing happened' : `${missed} message${missed === 1 ? '' : 's'}`;
    this.#notice(`connection resumed, ${news} while away`, 'good');
    this.#readMarker.flush();
  }

  async #event({ roomId, event, room }: MessageEvent): Promise<void> {
    if (roomId !== this.#room.id) return;
    switch (event.case) {
      case 'message':
        if (event.value.type === 'system_message') await this.#members.load();
        this.#typingWatch.set(event.value.senderId, false);
        this.#add(event.value);
        break;
      case 'updateMessage':
        this.#transcript.update(event.value);
        break;
      case 'deleteMessage':
        this.#transcript.remove(event.value);
        break;
      case 'statusUpdate':
        if (event.value.status === MessageStatus.READ && event.value.userId !== this.#me) {
          this.#transcript.read(event.value.messageId);
        }
        break;
      case 'typing':
        if (event.value.userId !== this.#me) this.#typingWatch.set(event.value.userId, event.value.isTyping);
        break;
      case 'isRoomUpdated':
        if (room !== undefined) Object.assign(this.#room, room);
        break;
      case 'roomLeave':
        if (event.value.usersId.includes(this.#me)) this.#removed(event.value.reason);
        break;
    }
  }

  #add(message: MessageData): void {
    this.#transcript.add(message);
    if (message.senderId !== this.#me) this.#readMarker.mark(message);
  }

  async #resync(reason: string): Promise<void> {
    await this.#loadHistory(`resync (${reason}): what happened meanwhile is read from the history`);
  }

  #removed(reason: string | undefined): void {
    this.#notice(reason === 'kicked' ? 'you were removed from this room' : 'you have left this room', 'bad');
    this.quit();
  }

  #showTyping(userIds: readonly number[]): void {
    const names = userIds.map((id) => this.#members.nameOf(id).split(' ')[0]);
    const text =
      names.length === 0 ? '' : `${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} typing …`;
    if (this.#connected) this.#screen.setStatus(this.#look.status(text));
  }

  /** Only a hint: whether it arrives does not matter. */
  #sendTyping(isTyping: boolean): void {
    if (!this.#connected) return;
    const call = this.#client.rpc.sendTyping({ roomId: this.#room.id, isTyping }, { timeoutMs: 2_000 });
    call.catch(() => undefined);
  }

  #notice(text: string, kind?: 'good' | 'bad'): void {
    this.#screen.add(this.#look.notice(text, kind));
  }
}
