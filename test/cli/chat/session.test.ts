import { PassThrough, Writable } from 'node:stream';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError, createRouterTransport, type HandlerContext } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Look } from '../../../src/cli/chat/look.ts';
import { openScreen, type Screen } from '../../../src/cli/chat/screen.ts';
import { ChatSession } from '../../../src/cli/chat/session.ts';
import { createChatClient } from '../../../src/client/client.ts';
import { decryptMessage, encryptMessage } from '../../../src/crypto/message-cipher.ts';
import { createRoomKeys } from '../../../src/crypto/room-keys.ts';
import { ChatService } from '../../../src/gen/services/chat/v1/service_pb.ts';
import {
  type MessageData,
  MessageDataSchema,
  type MessageEvent,
  MessageEventSchema,
  MessageStatus,
  RoomSchema,
  type SendMessageRequest,
} from '../../../src/gen/services/chat/v1/types_pb.ts';
import { BLOB, MASTER } from '../../crypto/vectors.ts';

const ROOM = 'room-1';
const key = createRoomKeys(MASTER).open(BLOB);

describe('a chat session', () => {
  let service: FakeService;
  let chat: Chat;
  beforeEach(() => {
    service = new FakeService();
  });
  afterEach(async () => {
    chat?.quit();
    await chat?.ended;
  });

  it('shows the room, its history in order, and what comes in, decrypted', async () => {
    service.say(2, 'first');
    service.say(1, 'second', { status: MessageStatus.READ });
    chat = start();
    await chat.shows(/Ben {2,}third/, () => service.say(2, 'third'));
    expect(chat.lines(/Ben|Ana/)).toEqual(['Ben        first', 'Ana     ✓✓ second', 'Ben        third']);
    expect(chat.text()).toContain('Kitchen');
  });

  it('shows what it can not decrypt as locked', async () => {
    service.say(2, '', { content: 'bm90IGVuY3J5cHRlZA==' });
    chat = start();
    await chat.shows(/🔒/);
  });

  it('sends typed lines encrypted, and shows how far they got', async () => {
    chat = start();
    await chat.shows(/Kitchen/);
    chat.type('hello there');
    await chat.shows(/Ana {5}✓ {2}hello there/);
    expect(decryptMessage(service.sent[0]?.content ?? '', key)).toBe('hello there');
    service.read(2, service.messages.length);
    await chat.shows(/Ana {5}✓✓ hello there/);
    expect(chat.lines(/✓✓ hello/)).toHaveLength(1);
  });

  it('repeats a line whose fate is unknown under the same id, and shows it once', async () => {
    chat = start();
    await chat.shows(/Kitchen/);
    service.loseAnswers = 2;
    chat.type('hello');
    chat.type('again');
    await chat.shows(/✓ {2}again/);
    const ids = service.sent.map(({ senderMessageId }) => senderMessageId);
    expect(ids).toHaveLength(4);
    expect(new Set(ids).size).toBe(2);
    expect(service.messages).toHaveLength(2);
    expect(chat.lines(/✓ {2}hello/)).toHaveLength(1);
  });

  it('tells why a line was refused', async () => {
    chat = start();
    await chat.shows(/Kitchen/);
    service.refuse = new ConnectError('invalid_request_data', Code.InvalidArgument);
    chat.type('hello');
    await chat.shows(/✗ {2}hello/);
    await chat.shows(/not sent: you may not write here/);
  });

  it('resumes at its cursor when the connection breaks, and counts what it missed', async () => {
    chat = start();
    await chat.shows(/Ben {2,}before/, () => service.say(2, 'before'));
    service.break(() => {
      for (const text of ['one', 'two', 'three']) service.say(2, text);
    });
    await chat.shows(/connection lost/);
    await chat.shows(/connection resumed, 3 messages while away/);
    await chat.shows(/three/);
    expect(chat.lines(/Ben/).map((line) => line.split(/ +/)[1])).toEqual(['before', 'one', 'two', 'three']);
    expect(service.cursors).toEqual(['', '1']);
  });

  it('reads the history when the service can not replay', async () => {
    chat = start();
    await chat.shows(/before/, () => service.say(2, 'before'));
    service.break(() => {
      for (const text of ['one', 'two']) service.say(2, text);
      service.forgetEvents();
    });
    await chat.shows(/resync/);
    await chat.shows(/two/);
    await chat.shows(/after/, () => service.say(2, 'after'));
    expect(chat.lines(/Ben/).map((line) => line.split(/ +/)[1])).toEqual(['before', 'one', 'two', 'after']);
  });

  it('sends after the outage what was typed during it', async () => {
    chat = start();
    await chat.shows(/Kitchen/);
    service.isDown = true;
    service.break(() => {});
    await chat.shows(/connection lost/);
    chat.type('typed offline');
    await chat.shows(/… {2}typed offline/);
    service.isDown = false;
    await chat.shows(/✓ {2}typed offline/);
    expect(service.messages).toHaveLength(1);
  });

  it('says who is typing, and reads what it shows', async () => {
    chat = start();
    await chat.shows(/Kitchen/);
    service.push({ case: 'typing', value: { userId: 2, isTyping: true } });
    await chat.shows(/Ben is typing/);
    service.say(2, 'done');
    await expect.poll(() => service.markedIds).toEqual(['m1']);
  });

  it('tells system messages in words', async () => {
    service.say(2, '', { type: 'system_message', event: 'new_name', content: 'Coffee' });
    service.say(2, '', { type: 'system_message', event: 'new_member', content: '+1' });
    service.say(2, '', { type: 'system_message', event: 'remove_member', content: '+2' });
    chat = start();
    await chat.shows(/Ben named the room “Coffee”/);
    await chat.shows(/Ben added Ana/);
    await chat.shows(/Ben left/);
  });

  it('shows edits, reactions and deletions', async () => {
    service.say(2, 'helo');
    chat = start();
    await chat.shows(/helo/);
    const edited = create(MessageDataSchema, {
      id: 'm1',
      senderId: 2,
      content: encryptMessage('hello', key),
      edited: true,
      reactions: [{ reaction: '👍', reactedById: '1' }],
    });
    service.push({ case: 'updateMessage', value: edited });
    await chat.shows(/hello \(edited\)/);
    await chat.shows(/👍 you/);
    service.push({ case: 'deleteMessage', value: 'm1' });
    await chat.shows(/Ben {8}deleted/);
  });

  it('does not let a message steer the terminal', async () => {
    service.say(2, 'evil \x1b[2J\x1b[31m text', { senderName: 'Ben\x1b[5m' });
    chat = start();
    await chat.shows(/evil/);
    expect(chat.text()).not.toContain('\x1b');
  });

  it('answers commands', async () => {
    chat = start();
    await chat.shows(/Kitchen/);
    chat.type('/who');
    await chat.shows(/Ana \(you\) +owner/);
    chat.type('/rooms');
    await chat.shows(/Kitchen {2}group {2}2 unread {2}room-1/);
    chat.type('/nonsense');
    await chat.shows(/there is no \/nonsense/);
    chat.type('/help');
    await chat.shows(/\/quit/);
    chat.type('/quit');
    await chat.ended;
  });

  it('ends when its user is removed', async () => {
    chat = start();
    await chat.shows(/Kitchen/);
    service.push({ case: 'roomLeave', value: { usersId: [1], reason: 'kicked' } });
    await chat.ended;
    expect(chat.text()).toContain('you were removed from this room');
  });

  it('fails at once when the service is not there or refuses the token', async () => {
    service.isDown = true;
    await expect(start().ended).rejects.toMatchObject({ code: Code.Unavailable });
    service.isDown = false;
    service.refuse = new ConnectError('invalid_token', Code.Unauthenticated);
    await expect(start().ended).rejects.toMatchObject({ code: Code.Unauthenticated });
  });

  function start(): Chat {
    return new Chat(service);
  }
});

/** A session on plain lines. */
class Chat {
  readonly ended: Promise<void>;
  readonly #session: ChatSession;
  readonly #input = new PassThrough();
  readonly #screen: Screen;
  #output = '';

  constructor(service: FakeService) {
    const write = (chunk: unknown, _encoding: string, done: () => void): void => {
      this.#output += String(chunk);
      done();
    };
    const output = new Writable({ write, decodeStrings: false });
    this.#screen = openScreen(this.#input, output, '', {
      line: (text) => this.#session.line(text),
      typing: () => {},
      end: () => {},
    });
    this.#session = new ChatSession({
      client: createChatClient({
        baseUrl: 'http://service.test',
        transport: service.transport,
        token: 'token',
        clientId: 'terminal',
      }),
      room: create(RoomSchema, { id: ROOM, name: 'Kitchen', type: 'group' }),
      me: 1,
      key,
      screen: this.#screen,
      look: new Look({ coloured: false, me: 1 }),
    });
    this.ended = this.#session.run().finally(() => this.#screen.close());
    this.ended.catch(() => undefined);
  }

  type(line: string): void {
    this.#input.write(`${line}\n`);
  }

  text(): string {
    return this.#output;
  }

  /** Lines that match, without the time. */
  lines(pattern: RegExp): string[] {
    return this.#output
      .split('\n')
      .flatMap((line) => (pattern.test(line) ? [line.replace(/^\d\d:\d\d /, '').trim()] : []));
  }

  /** Waits until a line matches; what is done first happens when the room is open. */
  async shows(pattern: RegExp, first: () => void = () => {}): Promise<void> {
    await expect.poll(() => this.#output).toContain('Kitchen');
    first();
    await expect.poll(() => this.#output).toMatch(pattern);
  }

  quit(): void {
    this.#session.quit();
  }
}

type Event = NonNullable<MessageInitShape<typeof MessageEventSchema>['event']>;

/** One room of Ana (1) and Ben (2) behind the chat contract; its cursors count events. */
class FakeService {
  readonly messages: MessageData[] = [];
  readonly sent: SendMessageRequest[] = [];
  /** With which cursor each stream was opened. */
  readonly cursors: string[] = [];
  markedIds: string[] = [];
  /** That many SendMessage calls are carried out, but the answer gets lost. */
  loseAnswers = 0;
  refuse: ConnectError | undefined;
  isDown = false;
  #events: MessageEvent[] = [];
  #forgotten = 0;
  #changed = Promise.withResolvers<void>();
  #broken = 0;

  readonly transport = createRouterTransport(({ service }) => {
    service(ChatService, {
      getRoom: () => ({ room: { id: ROOM, lastSequence: this.messages.length } }),
      getRooms: () => ({ items: [{ id: ROOM, name: 'Kitchen', type: 'group', unreadCount: 2 }] }),
      getRoomParticipants: () => ({
        participants: [
          { id: 1, name: 'Ana', phone: '+1', role: 'OWNER' },
          { id: 2, name: 'Ben', phone: '+2', role: 'MEMBER' },
        ],
      }),
      getMessageHistory: () => ({ items: this.messages.toReversed() }),
      sendMessage: (request) => this.#send(request),
      markMessagesAsRead: ({ messageIds }) => {
        this.markedIds = messageIds;
        return {};
      },
      sendTyping: () => ({}),
      streamMessages: ({ cursor = '' }, context) => this.#stream(cursor, context),
    });
  });

  say(senderId: number, text: string, change: MessageInitShape<typeof MessageDataSchema> = {}): MessageData {
    const sequence = this.messages.length + 1;
    const message = create(MessageDataSchema, {
      id: `m${sequence}`,
      roomId: ROOM,
      sequence,
      senderId,
      senderName: senderId === 1 ? 'Ana' : 'Ben',
      content: text === '' ? '' : encryptMessage(text, key),
      type: 'user_message',
      status: MessageStatus.SENT,
      createdAt: '2024-05-06T07:08:09.000Z',
      ...change,
    });
    this.messages.push(message);
    this.push({ case: 'message', value: message });
    return message;
  }

  read(userId: number, sequence: number): void {
    const value = { messageId: `m${sequence}`, status: MessageStatus.READ, userId, senderId: 1 };
    this.push({ case: 'statusUpdate', value });
  }

  push(event: Event): void {
    const cursor = String(this.#events.length + 1);
    this.#events.push(create(MessageEventSchema, { roomId: ROOM, event, cursor, eventId: cursor }));
    this.#wake();
  }

  /** Ends the streams; `meanwhile` happens before they can be opened again. */
  break(meanwhile: () => void): void {
    this.#broken += 1;
    meanwhile();
    this.#wake();
  }

  /** Nothing that happened until now can be replayed. */
  forgetEvents(): void {
    this.#forgotten = this.#events.length;
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  #send(request: SendMessageRequest) {
    if (this.isDown) throw new ConnectError('down', Code.Unavailable);
    if (this.refuse !== undefined) throw this.refuse;
    this.sent.push(request);
    const { senderMessageId = '', content } = request;
    const stored = this.messages.find((message) => message.senderMessageId === senderMessageId);
    const message = stored ?? this.say(1, '', { content, senderMessageId });
    if (this.loseAnswers > 0) {
      this.loseAnswers -= 1;
      throw new ConnectError('lost', Code.Unavailable);
    }
    return { message, success: true };
  }

  async *#stream(cursor: string, { signal }: HandlerContext): AsyncGenerator<MessageEvent> {
    if (this.isDown) throw new ConnectError('down', Code.Unavailable);
    if (this.refuse?.code === Code.Unauthenticated) throw this.refuse;
    this.cursors.push(cursor);
    const broken = this.#broken;
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    let next = cursor === '' ? this.#events.length : Number(cursor);
    if (next < this.#forgotten) {
      yield create(MessageEventSchema, {
        event: { case: 'resyncRequired', value: { reason: 'cursor_expired' } },
      });
      next = this.#events.length;
    }
    // As the service does: the cursor of a heartbeat covers only what was delivered.
    yield create(MessageEventSchema, { event: { case: 'connected', value: true }, cursor: String(next) });
    while (!signal.aborted) {
      for (; next < this.#events.length && broken === this.#broken; next += 1) {
        const event = this.#events[next];
        if (event !== undefined) yield event;
      }
      if (broken !== this.#broken) throw new ConnectError('gone', Code.Unavailable);
      await Promise.race([this.#changed.promise, aborted]);
    }
  }
}
