import { Code, ConnectError, createRouterTransport } from '@connectrpc/connect';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ChatClientOptions,
  ClientClosedError,
  createChatClient,
  DiscardedError,
  type QueueChange,
  type QueuedMessage,
  QueueFullError,
  type QueueStore,
} from '../../src/client/client.ts';
import { ChatService } from '../../src/gen/services/chat/v1/service_pb.ts';
import type { SendMessageRequest } from '../../src/gen/services/chat/v1/types_pb.ts';

/** What becomes of a call. */
type Fate = 'stored' | 'down' | 'lost' | 'busy' | 'late' | 'trouble';

describe('sending', () => {
  it('stores each message once and in the order of its room, whatever goes wrong', async () => {
    const fates = fc.array(fc.constantFrom<Fate[]>('stored', 'down', 'lost', 'busy', 'late', 'trouble'), {
      maxLength: 9,
    });
    const rooms = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(fates, rooms, async (script, roomIds) => {
        const service = new FakeService(script);
        const client = service.client();
        const sent = await Promise.all(
          roomIds.map(async (roomId, index) => await client.send(roomId, `${index}`)),
        );
        expect(sent.map(({ content }) => content)).toEqual(roomIds.map((_, index) => `${index}`));
        for (const room of new Set(roomIds)) {
          const expected = roomIds.flatMap((roomId, index) => (roomId === room ? [`${index}`] : []));
          expect(service.contents(room)).toEqual(expected);
        }
        expect(client.waiting).toBe(0);
      }),
    );
  });

  it('repeats a call whose answer was lost under the same id', async () => {
    const service = new FakeService(['lost', 'lost', 'lost']);
    const { senderMessageId } = await service.client().send('room', 'hello');
    expect(service.calls.map((call) => call.senderMessageId)).toEqual(Array(4).fill(senderMessageId));
    expect(service.contents('room')).toEqual(['hello']);
  });

  it('tells a refusal, and goes on with the next message', async () => {
    const service = new FakeService([]);
    service.refused = 'rude';
    const changes: QueueChange[] = [];
    const client = service.client({ queue: { onChange: (change) => changes.push(change) } });
    const rude = client.send('room', 'rude');
    const polite = client.send('room', 'polite');
    await expect(rude).rejects.toMatchObject({ code: Code.InvalidArgument });
    await polite;
    expect(service.contents('room')).toEqual(['polite']);
    expect(changes.map(({ type, message, waiting }) => [type, message.content, waiting])).toEqual([
      ['queued', 'rude', 1],
      ['queued', 'polite', 2],
      ['refused', 'rude', 1],
      ['stored', 'polite', 0],
    ]);
  });

  it('gives a message up that troubles the service again and again', async () => {
    const service = new FakeService(Array<Fate>(100).fill('trouble'));
    await expect(service.client().send('room', 'poison')).rejects.toMatchObject({ code: Code.Internal });
    expect(service.calls).toHaveLength(10);
  });

  it('waits as long as the service asks for', async () => {
    const service = new FakeService(['busy']);
    const waits: number[] = [];
    const onChange = (change: QueueChange): void => {
      if (change.type === 'postponed') waits.push(change.nextDelayMs);
    };
    const client = service.client({ queue: { onChange }, random: () => 0.5 });
    const sent = client.send('room', 'hello');
    await expect.poll(() => waits).toEqual([BUSY_S * 1_000 + 0.5]);
    // The app knows better.
    client.wake();
    await sent;
  });

  it('takes back what waits, and sends what comes after it', async () => {
    const service = new FakeService(['busy']);
    const queue = new MemoryQueue();
    const client = service.client({ queue: { store: queue }, random: () => 0.5 });
    const sent = ['first', 'second', 'third'].map((id) => client.send('room', id, { senderMessageId: id }));
    await expect.poll(() => service.calls.length).toBe(1);
    expect(['second', 'first', 'first', 'nobody'].map((id) => client.discard(id))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    await expect(sent[0]).rejects.toBeInstanceOf(DiscardedError);
    await expect(sent[1]).rejects.toBeInstanceOf(DiscardedError);
    await sent[2];
    expect(service.contents('room')).toEqual(['third']);
    expect([client.waiting, queue.messages]).toEqual([0, []]);
  });

  it('takes no more messages and no more bytes than may wait', async () => {
    const service = new FakeService(Array<Fate>(10_000).fill('down'));
    const few = service.client({ queue: { maxMessages: 2 } });
    const small = service.client({ queue: { maxBytes: 400 } });
    const waiting = [few.send('room', '1'), few.send('room', '2'), small.send('room', 'x'.repeat(200))];
    await expect(few.send('room', '3')).rejects.toBeInstanceOf(QueueFullError);
    await expect(small.send('room', 'y'.repeat(200))).rejects.toBeInstanceOf(QueueFullError);
    service.recover();
    await Promise.all(waiting);
    await few.send('room', '4');
    expect(service.contents('room')).toContain('4');
  });

  it('answers the same to a message that waits already', async () => {
    const service = new FakeService(['down']);
    const client = service.client();
    const twice = await Promise.all(
      [1, 2].map(async () => await client.send('room', 'hello', { senderMessageId: 'mine' })),
    );
    expect(twice[0]).toBe(twice[1]);
    expect(service.contents('room')).toEqual(['hello']);
  });

  it('passes on what a message has beside its content', async () => {
    const service = new FakeService([]);
    const mentions = [{ user: '2', tag: '@ben' }];
    await service.client().send('room', '', { replyId: 'm1', file: 'https://example.com/1.png', mentions });
    expect(service.calls[0]).toMatchObject({ replyId: 'm1', file: 'https://example.com/1.png', mentions });
  });

  it('sends in the next run what was kept, before what is new', async () => {
    const service = new FakeService(Array<Fate>(10_000).fill('down'));
    const store = new MemoryQueue();
    const first = service.client({ queue: { store } });
    const lost = ['one', 'two'].map((content) => first.send('room', content));
    await expect.poll(() => store.messages.length).toBe(2);
    await expect.poll(() => service.calls.length).toBeGreaterThan(0);
    first.close();
    for (const one of lost) await expect(one).rejects.toBeInstanceOf(ClientClosedError);
    await expect(first.send('room', 'too late')).rejects.toBeInstanceOf(ClientClosedError);
    service.recover();
    const second = service.client({ queue: { store } });
    await second.send('room', 'three');
    await second.idle();
    expect(service.contents('room')).toEqual(['one', 'two', 'three']);
    expect(store.messages).toEqual([]);
  });

  it('does not send what the store could not keep', async () => {
    const service = new FakeService([]);
    const store = new MemoryQueue();
    store.add = async () => {
      throw new Error('the disk is full');
    };
    await expect(service.client({ queue: { store } }).send('room', 'hello')).rejects.toThrow(
      'the disk is full',
    );
    expect(service.calls).toEqual([]);
  });
});

describe('the token', () => {
  it('is fetched once for everybody who finds it expired, and each call is repeated once', async () => {
    const service = new FakeService([]);
    let asked = 0;
    const token = async (): Promise<string> => {
      asked += 1;
      return `token-${asked}`;
    };
    service.accepted = 'token-2';
    const client = service.client({ token });
    await Promise.all(Array.from({ length: 8 }, (_, room) => client.send(`room-${room}`, 'hello')));
    expect(asked).toBe(2);
    service.accepted = 'token-9';
    await expect(client.rpc.sendMessage({ roomId: 'room', content: 'once' })).rejects.toMatchObject({
      code: Code.Unauthenticated,
    });
    expect(asked).toBe(3);
  });

  it('that never changes is not tried twice', async () => {
    const service = new FakeService([]);
    service.accepted = 'another';
    await expect(service.client({ token: 'fixed' }).send('room', 'hello')).rejects.toMatchObject({
      code: Code.Unauthenticated,
    });
    expect(service.calls).toHaveLength(1);
  });

  it('keeps messages waiting while it can not be fetched', async () => {
    const service = new FakeService([]);
    let isOffline = true;
    const token = async (): Promise<string> => {
      if (isOffline) throw new TypeError('fetch failed');
      return 'token';
    };
    const postponed: QueueChange[] = [];
    const onChange = (change: QueueChange): void => {
      if (change.type === 'postponed') postponed.push(change);
    };
    const sent = service.client({ token, queue: { onChange } }).send('room', 'hello');
    await expect.poll(() => postponed.length).toBeGreaterThan(1);
    isOffline = false;
    await sent;
    expect(service.contents('room')).toEqual(['hello']);
  });
});

const BUSY_S = 60;

/** The contract of SendMessage, with a fate for each call. */
class FakeService {
  readonly calls: SendMessageRequest[] = [];
  refused: string | undefined;
  /** Undefined: every token. */
  accepted: string | undefined;
  #script: Fate[];
  readonly #stored = new Map<string, { roomId: string; content: string; senderMessageId: string }>();

  constructor(script: readonly Fate[]) {
    this.#script = [...script];
  }

  client(options: Partial<ChatClientOptions> = {}) {
    const transport = createRouterTransport(({ service }) => {
      service(ChatService, {
        sendMessage: (request, { requestHeader }) => {
          this.calls.push(request);
          const token = `Bearer ${this.accepted}`;
          if (this.accepted !== undefined && requestHeader.get('authorization') !== token) {
            throw new ConnectError('token_expired', Code.Unauthenticated);
          }
          if (request.content === this.refused) {
            throw new ConnectError('invalid_request_data', Code.InvalidArgument);
          }
          return { message: this.#handle(request, this.#script.shift() ?? 'stored'), success: true };
        },
      });
    });
    const base = { baseUrl: 'http://service.test', transport, token: 'token', clientId: 'client' };
    const client = createChatClient({ ...base, backoff: { baseMs: 1, maxMs: 2 }, ...options });
    // Nobody waits a minute for a test.
    if (options.random === undefined) this.#hurry(client.wake);
    return client;
  }

  contents(roomId: string): string[] {
    return [...this.#stored.values()].flatMap((one) => (one.roomId === roomId ? [one.content] : []));
  }

  recover(): void {
    this.#script = [];
  }

  #hurry(wake: () => void): void {
    const hurry = setInterval(wake, 2);
    hurry.unref();
  }

  #handle({ roomId, content, senderMessageId = '' }: SendMessageRequest, fate: Fate) {
    if (fate === 'down') throw new ConnectError('down', Code.Unavailable);
    if (fate === 'trouble') throw new ConnectError('internal_server_error', Code.Internal);
    if (fate === 'busy') {
      throw new ConnectError('rate limit exceeded', Code.ResourceExhausted, { 'retry-after': `${BUSY_S}` });
    }
    const stored = this.#stored.get(senderMessageId) ?? { roomId, content, senderMessageId };
    this.#stored.set(senderMessageId, stored);
    if (fate === 'lost') throw new ConnectError('lost', Code.Unavailable);
    if (fate === 'late') throw new ConnectError('late', Code.DeadlineExceeded);
    return stored;
  }
}

class MemoryQueue implements QueueStore {
  messages: QueuedMessage[] = [];

  async load(): Promise<readonly QueuedMessage[]> {
    return [...this.messages];
  }

  async add(message: QueuedMessage): Promise<void> {
    this.messages.push(message);
  }

  async remove(senderMessageId: string): Promise<void> {
    this.messages = this.messages.filter((one) => one.senderMessageId !== senderMessageId);
  }
}
