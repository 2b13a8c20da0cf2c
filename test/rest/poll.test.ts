import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chatClient, startTestApp, type TestApp, tokenOf } from '../support/app.ts';
import { scrape } from '../support/scrape.ts';

interface Event {
  readonly connected?: boolean;
  readonly message?: { readonly id: string };
  readonly cursor: string;
}

interface Answer {
  readonly statusCode: number;
  readonly message: string;
  readonly data?: { readonly events: readonly Event[]; readonly cursor: string };
}

/** What the suite of all doors does not see: waiting, and answers that get lost. */
describe('long poll', () => {
  let app: TestApp;
  let token: string;
  let roomId: string;

  beforeAll(async () => {
    const env = {
      RATE_LIMIT_POLLS_PER_MINUTE: '0',
      RATE_LIMIT_STREAMS_PER_MINUTE: '1',
      STREAM_HEARTBEAT_MS: '100',
    };
    app = await startTestApp({ env: { ...env, MAX_STREAMS_PER_USER: '2' } });
    token = await tokenOf(2);
    const cursor = await placeOf('first');
    const ann = await chatClient(app.url, { as: 1 });
    roomId = (await ann.createRoom({ type: 'p2p', participants: [2] })).room?.id ?? '';
    // Later readers begin after this news.
    expect((await poll('first', { cursor, waitMs: 30_000 })).data?.events).toHaveLength(2);
  });
  afterAll(() => app?.stop());

  async function poll(
    clientId: string,
    body: object | string,
    headers: Readonly<Record<string, string>> = {},
    url = app.url,
  ): Promise<Answer & { readonly retryAfter: string | null }> {
    const response = await fetch(`${url}/api/chat/v1/poll`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'x-client-id': clientId, ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    const answer: Answer = JSON.parse(await response.text());
    expect(answer.statusCode).toBe(response.status);
    return { ...answer, retryAfter: response.headers.get('retry-after') };
  }

  async function send(): Promise<string> {
    const { message } = await (await chatClient(app.url, { as: 1 })).sendMessage({ roomId, content: 'eA==' });
    return message?.id ?? '';
  }

  function idsOf({ data }: Answer): string[] {
    return data?.events.flatMap(({ message }) => (message === undefined ? [] : [message.id])) ?? [];
  }

  async function openStreams(): Promise<number | undefined> {
    return (await scrape(app.url)).value('chat_active_connections');
  }

  async function placeOf(clientId: string): Promise<string> {
    return (await poll(clientId, { waitMs: 0 })).data?.cursor ?? '';
  }

  test('without a wait it answers what is there', async () => {
    const clientId = randomUUID();
    const first = await poll(clientId, { waitMs: 0 });
    expect(first).toMatchObject({
      statusCode: 200,
      message: 'Success',
      data: { events: [{ connected: true }] },
    });
    expect(first.data?.cursor).toBe(first.data?.events[0]?.cursor);
    const ids = [await send(), await send()];
    const got: string[] = [];
    let cursor = first.data?.cursor;
    await expect
      .poll(async () => {
        const answer = await poll(clientId, { cursor, waitMs: 0 });
        got.push(...idsOf(answer));
        cursor = answer.data?.cursor;
        return got;
      })
      .toEqual(ids);
  });

  test('it answers as soon as something happens', async () => {
    const clientId = randomUUID();
    const cursor = await placeOf(clientId);
    const startedAt = performance.now();
    const waiting = poll(clientId, { cursor, waitMs: 30_000 });
    const id = await send();
    expect(idsOf(await waiting)).toEqual([id]);
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });

  test('without news it answers after the wait, with the newest heartbeat', async () => {
    const clientId = randomUUID();
    await placeOf(clientId);
    // Somebody else's event moves the heartbeats on.
    const ann = await chatClient(app.url, { as: 1 });
    const before = await placeOf(clientId);
    await ann.createRoom({ type: 'group', name: 'Elsewhere', participants: [3] });
    await expect.poll(() => placeOf(randomUUID())).not.toBe(before);
    const startedAt = performance.now();
    const { data } = await poll(clientId, { cursor: before, wait_ms: '350' });
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(349);
    expect(data?.events).toMatchObject([{ connected: true, cursor: data?.cursor }]);
    expect(data?.cursor).not.toBe(before);
  });

  test('an answer that got lost comes again: by its cursor, and without', async () => {
    const clientId = randomUUID();
    const cursor = await placeOf(clientId);
    const id = await send();
    for (const body of [{ cursor }, { cursor }, {}]) {
      expect(idsOf(await poll(clientId, { ...body, waitMs: 30_000 }))).toEqual([id]);
    }
    const { data } = await poll(clientId, { cursor, waitMs: 30_000 });
    // Shown, so it has it.
    await poll(clientId, { cursor: data?.cursor, waitMs: 0 });
    expect(idsOf(await poll(clientId, { waitMs: 0 }))).toEqual([]);
  });

  test.each([
    { waitMs: -1 },
    { waitMs: 30_001 },
    { wait_ms: 1.5 },
    { waitMs: 'soon' },
    { waitMs: {} },
    { cursor: 7 },
    { roomId: 'room' },
    { room_id: 'room' },
    '[]',
    '{',
    'null',
  ])('%j is refused', async (body) => {
    const { retryAfter: _, ...answer } = await poll(randomUUID(), body);
    expect(answer).toEqual({ statusCode: 400, message: 'invalid_request_data' });
  });

  test('null is as good as nothing', async () => {
    const body = { cursor: null, roomId: null, waitMs: 0 };
    expect((await poll(randomUUID(), body)).statusCode).toBe(200);
  });

  test('a body of another type or too large is refused', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await poll(randomUUID(), {}, form)).statusCode).toBe(415);
    expect((await poll(randomUUID(), { cursor: 'x'.repeat(70_000) })).statusCode).toBe(413);
  });

  test('a newer one of the same client replaces it', async () => {
    const clientId = randomUUID();
    const older = poll(clientId, { waitMs: 30_000 });
    await expect.poll(openStreams).toBe(1);
    expect((await poll(clientId, { waitMs: 0 })).statusCode).toBe(200);
    expect(await older).toMatchObject({ statusCode: 409, message: 'stream_replaced' });
  });

  test('those that wait count as open streams', async () => {
    const ids = [randomUUID(), randomUUID()];
    const waiting = ids.map((id) => poll(id, { waitMs: 30_000 }));
    await expect.poll(openStreams).toBe(2);
    expect((await poll(randomUUID(), { waitMs: 0 })).message).toBe('too many connections');
    await send();
    expect((await Promise.all(waiting)).map(({ statusCode }) => statusCode)).toEqual([200, 200]);
  });

  test('have a limit of their own, and take nothing from that of streams', async () => {
    const env = { RATE_LIMIT_POLLS_PER_MINUTE: '2', RATE_LIMIT_STREAMS_PER_MINUTE: '1' };
    const limited = await startTestApp({ env });
    try {
      const once = (): ReturnType<typeof poll> => poll('phone', { waitMs: 0 }, {}, limited.url);
      expect([(await once()).statusCode, (await once()).statusCode]).toEqual([200, 200]);
      const refused = await once();
      expect(refused).toMatchObject({ statusCode: 429, message: 'rate limit exceeded' });
      expect(Number(refused.retryAfter)).toBeGreaterThan(0);
      const client = await chatClient(limited.url, { as: 2, clientId: 'phone' });
      for await (const { event } of client.streamMessages({})) {
        expect(event.case).toBe('connected');
        break;
      }
    } finally {
      await limited.stop();
    }
  });
});
