import type { RoomKey } from '../../crypto/room-keys.ts';
import {
  type MessageData,
  type MessageEvent,
  MessageStatus,
  type Room,
} from '../../gen/services/chat/v1/types_pb.ts';
import type { ChatClient } from './connection.ts';
import { followEvents } from './event-stream.ts';
import type { Look } from './look.ts';
import { Members } from './members.ts';
import { ReadMarker } from './read-marker.ts';
import type { Screen } from './screen.ts';
import { Sender } from './sender.ts';
import { harmless } from './text.ts';
import { Transcript } from './transcript.ts';
import { TypingSignal, TypingWatch } from './typing.ts';

const HISTORY = 50;
const HELP = [
  ['/who', 'who is in this room'],
  ['/rooms', 'your rooms'],
  ['/quit', 'leave this program (Ctrl-C does too)'],
  ['/help', 'this'],
] as const;

/** One room on one screen, from the first event until the user quits. */
export class ChatSession {
  readonly #client: ChatClient;
  readonly #room: Room;
  readonly #me: number;
  readonly #screen: Screen;
  readonly #look: Look;
  readonly #quit = new AbortController();
  readonly #members: Members;
  readonly #transcript: Transcript;
  readonly #sender: Sender;
  readonly #readMarker: ReadMarker;
  readonly #typingSignal: TypingSignal;
  readonly #typingWatch = new TypingWatch((userIds) => this.#showTyping(userIds));
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
    this.#members = new Members(client, room.id);
    this.#transcript = new Transcript({ ...options, members: this.#members });
    this.#readMarker = new ReadMarker(client, room.id);
    this.#typingSignal = new TypingSignal((isTyping) => this.#sendTyping(isTyping));
    const outcome = {
      stored: (_draft: unknown, message: MessageData) => this.#stored(message),
      refused: (draft: { readonly senderMessageId: string }, reason: string) =>
        this.#transcript.refuseDraft(draft.senderMessageId, reason),
    };
    this.#sender = new Sender(client, room.id, outcome, this.#quit.signal);
  }

  /** Resolves when the user has quit or is no longer in the room; rejects when the service refuses. */
  async run(): Promise<void> {
    const listener = {
      opened: async (again: boolean) => await (again ? this.#resumed() : this.#opened()),
      event: async (event: MessageEvent) => await this.#event(event),
      lost: () => this.#lost(),
    };
    try {
      await followEvents(this.#client, this.#room.id, listener, this.#quit.signal);
    } finally {
      this.quit();
      this.#typingWatch.clear();
      this.#typingSignal.close();
    }
  }

  quit(): void {
    this.#quit.abort();
  }

  /** The input has ended: what was said is still sent, for a few seconds. */
  async finish(): Promise<void> {
    const patience = AbortSignal.timeout(5_000);
    const expired = new Promise<void>((resolve) => patience.addEventListener('abort', () => resolve()));
    await Promise.race([this.#sender.idle(), expired]);
    this.quit();
  }

  typing(): void {
    this.#typingSignal.key();
  }

  /** A typed line: a command or something to say. */
  line(text: string): void {
    const line = text.trim();
    if (line === '') return;
    if (line.startsWith('/')) this.#command(line);
    else this.#say(line);
  }

  #say(text: string): void {
    const content = this.#transcript.encrypt(text);
    const draft = content === undefined ? undefined : this.#sender.send(content);
    if (draft !== undefined) this.#transcript.addDraft(draft.senderMessageId, text);
    else if (content === undefined)
      this.#notice('without the room key nothing can be sent: see --chat-key', 'bad');
    else this.#notice('too many lines wait for the service: not sent', 'bad');
    this.#typingSignal.stop();
  }

  #command(line: string): void {
    const [name = ''] = line.split(' ');
    const commands: Readonly<Record<string, () => Promise<void>>> = {
      '/help': async () => void this.#screen.add(this.#look.table(HELP)),
      '/who': async () => await this.#who(),
      '/rooms': async () => await this.#rooms(),
      '/quit': async () => await this.finish(),
    };
    const run = commands[name];
    if (run === undefined) this.#notice(`there is no ${name} here: try /help`, 'bad');
    run?.().catch(() => this.#notice(`${name}: the service does not answer`, 'bad'));
  }

  async #who(): Promise<void> {
    await this.#members.load();
    const rows = this.#members.list.map(({ id, name, role, phone }) => [
      `${harmless(name)}${id === this.#me ? ' (you)' : ''}`,
      role.toLowerCase(),
      harmless(phone),
    ]);
    this.#screen.add(this.#look.table(rows));
  }

  async #rooms(): Promise<void> {
    const { items } = await this.#client.getRooms({ page: 1, limit: 50 });
    this.#screen.add(this.#look.table(items.map(roomRow)));
  }

  async #opened(): Promise<void> {
    await this.#members.load();
    this.#look.align(this.#members.names);
    const { name, type } = this.#room;
    const count = this.#members.list.length;
    const about = `${type === 'p2p' ? 'just the two of you' : `${type}, ${count} members`} · /help`;
    this.#screen.add(this.#look.title(harmless(name), about));
    await this.#loadHistory();
  }

  async #loadHistory(): Promise<void> {
    const last = this.#transcript.lastSequence;
    const { items } = await this.#client.getMessageHistory({ id: this.#room.id, messagesPerRoom: HISTORY });
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
    const { room } = await this.#client.getRoom({ id: this.#room.id });
    const missed = Math.max(0, (room?.lastSequence ?? 0) - this.#lostAt - this.#storedSince);
    this.#connected = true;
    this.#screen.setStatus('');
    const news = missed === 0 ? 'nothing happened' : `${missed} message${missed === 1 ? '' : 's'}`;
    this.#notice(`connection resumed, ${news} while away`, 'good');
    this.#readMarker.flush();
  }

  async #event({ roomId, event, room }: MessageEvent): Promise<void> {
    if (event.case === 'resyncRequired') return await this.#resync(event.value.reason);
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
    this.#notice(`resync (${reason}): what happened meanwhile is read from the history`);
    await this.#loadHistory();
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
    const call = this.#client.sendTyping({ roomId: this.#room.id, isTyping }, { timeoutMs: 2_000 });
    call.catch(() => undefined);
  }

  #notice(text: string, kind?: 'good' | 'bad'): void {
    this.#screen.add(this.#look.notice(text, kind));
  }
}

/** A room in a table: name, kind, unread, id. */
export function roomRow({ id, name, type, unreadCount }: Room): readonly string[] {
  return [harmless(name), type, unreadCount === 0 ? '' : `${unreadCount} unread`, id];
}
