import { PassThrough, Writable } from 'node:stream';
import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PlainView, runPlain } from '../../../src/cli/chat/plain.ts';
import { ChatSession } from '../../../src/cli/chat/session.ts';
import { createChatClient } from '../../../src/client/client.ts';
import { decryptMessage, encryptMessage } from '../../../src/crypto/message-cipher.ts';
import { createRoomKeys } from '../../../src/crypto/room-keys.ts';
import { MessageDataSchema, MessageStatus, RoomSchema } from '../../../src/gen/services/chat/v1/types_pb.ts';
import { BLOB, MASTER } from '../../crypto/vectors.ts';
import { FakeService } from '../../support/fake-chat-service.ts';

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
    await chat.shows(/Garden +group +room-2/);
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

  it.each([
    ['and the service replays', () => {}],
    ['and the service can not replay', () => service.forgetEvents()],
  ])('ends when its user was removed while the connection was gone, %s', async (_what, also) => {
    chat = start();
    await chat.shows(/before/, () => service.say(2, 'before'));
    service.break(() => {
      service.say(2, 'after');
      service.isRemoved = true;
      also();
    });
    await chat.ended;
    expect(chat.text()).toContain('you are not in this room any more');
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
  #output = '';

  constructor(service: FakeService) {
    const write = (chunk: unknown, _encoding: string, done: () => void): void => {
      this.#output += String(chunk);
      done();
    };
    this.#session = new ChatSession({
      client: createChatClient({
        baseUrl: 'http://service.test',
        transport: service.transport,
        token: 'token',
        clientId: 'terminal',
      }),
      me: 1,
      first: create(RoomSchema, { id: 'room-1', name: 'Kitchen', type: 'group' }),
      keyOf: () => key,
      view: new PlainView(new Writable({ write, decodeStrings: false }), 1),
      endsWithRoom: true,
    });
    this.ended = runPlain(this.#session, this.#input);
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
