import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ChatClient, type ChatClientOptions, createChatClient } from '../../src/client/client.ts';
import { chatClient, startTestApp, type TestApp, tokenOf } from '../support/app.ts';
import { Reader } from './reader.ts';

describe('events by long poll', () => {
  let app: TestApp;
  let roomId = '';
  let names = 0;
  const clients: ChatClient[] = [];

  beforeAll(async () => {
    app = await startTestApp({ users: 3 });
    const ana = await chatClient(app.url, { as: 1 });
    const { room } = await ana.createRoom({ type: 'group', name: 'Kitchen', participants: [2] });
    roomId = room?.id ?? '';
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });
  afterAll(() => app?.stop());

  it('arrive once and in order, and leaving the loop cancels the request', async () => {
    const signals: AbortSignal[] = [];
    const cursors: (string | undefined)[] = [];
    const watched: typeof fetch = async (input, init) => {
      if (init?.signal) signals.push(init.signal);
      cursors.push(JSON.parse(String(init?.body)).cursor);
      return await fetch(input, init);
    };
    const reader = await new Reader(open({ mode: 'poll', fetch: watched }).events({ roomId })).untilOnline();
    const contents = Array.from({ length: 30 }, (_, index) => `message ${index}`);
    for (const content of contents) await say(content);
    await expect.poll(() => reader.contents.length).toBe(30);
    expect(reader.contents).toEqual(contents);
    expect(reader.losses).toEqual([]);
    await reader.close();
    expect(signals.at(-1)?.aborted).toBe(true);
    // Each request begins where the answer before it ended.
    expect(cursors[0]).toBeUndefined();
    expect(cursors.slice(1)).not.toContain(undefined);
    expect(new Set(cursors).size).toBeGreaterThan(2);
  });

  it('are used where responses can not be read while they arrive', async () => {
    // As in React Native: a response has no body to read from.
    const deaf: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      const isStream = response.headers.get('content-type')?.startsWith('application/connect+') === true;
      return isStream ? without(response) : response;
    };
    const client = open({ fetch: deaf });
    const reader = await new Reader(client.events()).untilOnline();
    await client.send(roomId, 'to myself');
    await expect.poll(() => reader.contents).toEqual(['to myself']);
    expect(reader.all.find((one) => one.type === 'status' && one.status === 'online')).toMatchObject({
      transfer: 'poll',
    });
  });

  it('are used where something on the way holds the stream back', async () => {
    // As a proxy that waits for the end of a response: nothing arrives.
    const stuck: typeof fetch = async (input, init) => {
      if (!String(input).endsWith('StreamMessages')) return await fetch(input, init);
      const signal = init?.signal ?? undefined;
      await pause(600_000, undefined, { signal, ref: false });
      return await fetch(input, init);
    };
    const reader = await new Reader(open({ fetch: stuck, heartbeatMs: 100 }).events()).untilOnline();
    await say('past the proxy');
    await expect.poll(() => reader.contents).toEqual(['past the proxy']);
    expect(reader.losses[0]).toBe('silence');
  });

  it('go on with the next token when the one before is refused', async () => {
    let asked = 0;
    const token = async (): Promise<string> => {
      asked += 1;
      return await tokenOf(asked === 1 ? 99 : 2);
    };
    const reader = await new Reader(open({ mode: 'poll', token }).events()).untilOnline();
    await say('welcome');
    await expect.poll(() => reader.contents).toEqual(['welcome']);
    expect(asked).toBe(2);
  });

  it.each([
    [503, '<html>bad gateway</html>', 'HTTP 503'],
    [200, '<html>log in first</html>', 'this is no answer to a poll'],
    [429, '{"statusCode":429,"message":"rate limit exceeded"}', 'rate limit exceeded'],
  ])('survive an answer %i %s', async (status, body, reason) => {
    let bad = 1;
    const flaky: typeof fetch = async (input, init) => {
      bad -= 1;
      return bad >= 0 ? new Response(body, { status }) : await fetch(input, init);
    };
    const reader = await new Reader(open({ mode: 'poll', fetch: flaky }).events()).untilOnline();
    expect(reader.losses).toEqual([reason]);
  });

  function open(options: Partial<ChatClientOptions>): ChatClient {
    names += 1;
    const client = createChatClient({
      baseUrl: app.url,
      token: () => tokenOf(2),
      clientId: `poller-${names}`,
      backoff: { baseMs: 20, maxMs: 200 },
      ...options,
    });
    clients.push(client);
    return client;
  }

  async function say(content: string): Promise<void> {
    await (await chatClient(app.url, { as: 1 })).sendMessage({ roomId, content });
  }
});

/** The same response as React Native has it. Its stream is given up, as nobody can read it. */
async function without(response: Response): Promise<Response> {
  await response.body?.cancel();
  return new Response(null, { status: response.status, headers: response.headers });
}
