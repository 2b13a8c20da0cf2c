import { Code } from '@connectrpc/connect';
import { createConnectTransport as createWebTransport } from '@connectrpc/connect-web';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type ChatClient,
  type ChatClientOptions,
  type CursorStore,
  createChatClient,
  StreamReplacedError,
} from '../../src/client/client.ts';
import { chatClient, startTestApp, type TestApp, tokenOf, transportOf } from '../support/app.ts';
import { scrape } from '../support/scrape.ts';
import { WipeableBroker } from '../support/wipeable-broker.ts';
import { Reader } from './reader.ts';

/** The ways to the service that a client may be given; `own` is what it brings itself. */
const WAYS = ['own', 'connect-web', 'connect-1.1', 'connect-2', 'grpc'] as const;

describe('events', () => {
  const broker = new WipeableBroker(10_000);
  let app: TestApp;
  let url = '';
  let roomId = '';
  let names = 0;
  const clients: ChatClient[] = [];

  beforeAll(async () => {
    app = await startTestApp({ overrides: { broker }, users: 4 });
    url = app.url;
    const { room } = await (await chatClient(url, { as: 1 })).createRoom({
      type: 'group',
      name: 'Kitchen',
      participants: [2, 3],
    });
    roomId = room?.id ?? '';
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });
  afterAll(() => app?.stop());

  it.each(WAYS)('arrive by %s, and leaving the loop closes the stream at the server', async (way) => {
    const client = open(2, way === 'own' ? {} : { transport: transport(way) });
    const told: string[] = [];
    for await (const one of client.events()) {
      if (one.type === 'status' && one.status === 'online') {
        expect(await openStreams()).toBe(1);
        await say(`by ${way}`);
      }
      if (one.type !== 'event' || one.event.event.case !== 'message') continue;
      told.push(one.event.event.value.content);
      break;
    }
    expect(told).toEqual([`by ${way}`]);
    await expect.poll(openStreams).toBe(0);
  });

  it('and calls are understood also when the server packs them', async () => {
    let packed = 0;
    const watched: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      if (response.headers.get('content-encoding') === 'gzip') packed += 1;
      return response;
    };
    const client = open(2, { fetch: watched });
    const long = 'x'.repeat(4_000);
    await client.send(roomId, long);
    const { items } = await client.rpc.getMessageHistory({ id: roomId, messagesPerRoom: 1 });
    expect(items.map(({ content }) => content)).toEqual([long]);
    expect(packed).toBeGreaterThan(0);
  });

  it('end without an error when the signal aborts, and the stream closes at the server', async () => {
    const abort = new AbortController();
    const reader = await new Reader(open(2).events({ signal: abort.signal })).untilOnline();
    abort.abort();
    await reader.ended;
    await expect.poll(openStreams).toBe(0);
  });

  it('never begin when the signal has aborted before', async () => {
    const reader = new Reader(open(2).events({ signal: AbortSignal.abort() }));
    await reader.ended;
    expect(reader.all).toEqual([]);
  });

  it('end when the client is closed, and the stream closes at the server', async () => {
    const client = open(2);
    const reader = await new Reader(client.events()).untilOnline();
    client.close();
    await reader.ended;
    await expect.poll(openStreams).toBe(0);
  });

  it('go on in the next run where the last one has handled them, from the cursor that was kept', async () => {
    const store = new MemoryCursor();
    const client = open(2);
    const first = await new Reader(client.events({ store })).untilOnline();
    await say('one');
    await say('two');
    await expect.poll(() => first.contents).toEqual(['one', 'two']);
    await first.close();
    await say('three');
    const second = new Reader(open(2).events({ store }));
    await expect.poll(() => second.contents.at(-1)).toBe('three');
    expect(second.contents).toEqual(['three']);
    expect(second.resyncs).toEqual([]);
  });

  it('come again in the next run when the app ended while it handled them', async () => {
    const store = new MemoryCursor();
    const client = open(2);
    await expect(async () => {
      for await (const one of client.events({ store })) {
        if (one.type === 'status' && one.status === 'online') await say('handle me');
        if (one.type === 'event') throw new Error('the app fails');
      }
    }).rejects.toThrow('the app fails');
    const next = new Reader(open(2).events({ store }));
    await expect.poll(() => next.contents).toEqual(['handle me']);
  });

  it('are resumed after the token has expired, with the next one', async () => {
    let asked = 0;
    const token = async (): Promise<string> => {
      asked += 1;
      return await tokenOf(2, { ttl: asked < 3 ? 2 : 3_600 });
    };
    const client = open(2, { token });
    const reader = await new Reader(client.events()).untilOnline();
    let sent = 0;
    for (; asked < 3; sent += 1) await say('while tokens end');
    await say('after');
    await expect.poll(() => reader.contents.at(-1)).toBe('after');
    expect(reader.contents).toHaveLength(sent + 1);
    expect(new Set(reader.losses)).toEqual(new Set(['token_expired']));
  });

  it('end with the refusal when the next token is refused too', async () => {
    const token = async (): Promise<string> => await tokenOf(99);
    const reader = new Reader(open(2, { token }).events());
    await expect(reader.ended).rejects.toMatchObject({
      code: Code.Unauthenticated,
      rawMessage: 'invalid_token',
    });
    expect(reader.losses).toEqual(['invalid_token']);
  });

  it('end with a clear error when another client takes the same client id', async () => {
    const older = await new Reader(open(2, { clientId: 'same' }).events()).untilOnline();
    const newer = await new Reader(open(2, { clientId: 'same' }).events()).untilOnline();
    await expect(older.ended).rejects.toBeInstanceOf(StreamReplacedError);
    await say('to the newer');
    await expect.poll(() => newer.contents).toEqual(['to the newer']);
  });

  it('of a room stop for a member who is removed; his messages are refused', async () => {
    const client = open(3);
    const reader = await new Reader(client.events()).untilOnline();
    const ana = await chatClient(url, { as: 1 });
    await ana.leaveRoom({ id: roomId, participants: [3] });
    await expect
      .poll(() => reader.all.some((one) => one.type === 'event' && one.event.event.case === 'roomLeave'))
      .toBe(true);
    const before = reader.contents.length;
    await say('not for him');
    await expect(client.send(roomId, 'may I?')).rejects.toMatchObject({ code: Code.NotFound });
    await ana.addParticipantToRoom({ id: roomId, participants: [3] });
    await say('welcome back');
    await expect.poll(() => reader.contents.at(-1)).toBe('welcome back');
    expect(reader.contents.slice(before)).not.toContain('not for him');
    // The hole in the numbers is no loss: he was away.
    expect(reader.resyncs).toEqual([]);
  });

  it('tell that the record has to be read when the broker has lost its history', async () => {
    const store = new MemoryCursor();
    const first = await new Reader(open(2).events({ store })).untilOnline();
    await say('before the loss');
    await expect.poll(() => first.contents).toEqual(['before the loss']);
    await first.close();
    const witness = await new Reader(open(3).events()).untilOnline();
    await say('lost with the broker');
    // The broker has it, and so can lose it.
    await expect.poll(() => witness.contents).toEqual(['lost with the broker']);
    await broker.wipe();
    const second = await new Reader(open(2).events({ store })).untilOnline();
    await say('after the loss');
    await expect.poll(() => second.contents).toEqual(['after the loss']);
    expect(second.resyncs).toEqual(['cursor_unknown']);
    const kinds = second.all.flatMap(({ type }) => (type === 'status' ? [] : [type]));
    expect(kinds).toEqual(['resync', 'event']);
  });

  it('are held back by a reader that stands still, and all come when it goes on', async () => {
    const gate = Promise.withResolvers<void>();
    const reader = new Reader(open(2, { maxWaitingEvents: 10 }).events(), async ({ type }) => {
      if (type === 'event') await gate.promise;
    });
    await reader.untilOnline();
    const last = await say('first');
    for (let sent = 0; sent < 40; sent += 1) await say('more');
    // It has given its connection up: neither it nor the server holds what nobody reads.
    await expect.poll(openStreams).toBe(0);
    gate.resolve();
    await reader.expectAll(roomId, last + 40);
    expect(reader.losses).toContain('client_overflow');
    expect(reader.resyncs).toEqual([]);
  });

  function open(as: number, options: Partial<ChatClientOptions> = {}): ChatClient {
    names += 1;
    const client = createChatClient({
      baseUrl: url,
      token: () => tokenOf(as),
      clientId: `client-${names}`,
      backoff: { baseMs: 20, maxMs: 200 },
      ...options,
    });
    clients.push(client);
    return client;
  }

  function transport(way: Exclude<(typeof WAYS)[number], 'own'>) {
    return way === 'connect-web' ? createWebTransport({ baseUrl: url }) : transportOf(url, way);
  }

  async function say(content: string): Promise<number> {
    const { message } = await (await chatClient(url, { as: 1 })).sendMessage({ roomId, content });
    return message?.sequence ?? 0;
  }

  async function openStreams(): Promise<number | undefined> {
    return (await scrape(url)).value('chat_active_connections');
  }
});

class MemoryCursor implements CursorStore {
  #cursor: string | undefined;

  async load(): Promise<string | undefined> {
    return this.#cursor;
  }

  async save(cursor: string): Promise<void> {
    this.#cursor = cursor;
  }
}
