import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chatClient, startTestApp, type TestApp, tokenOf } from '../support/app.ts';
import { scrape } from '../support/scrape.ts';

const PATH = '/api/chat/v1/stream';
const HEARTBEAT_MS = 100;

/** Fields of one event, as they were sent. */
type Block = Readonly<Record<string, string>>;

/** What the suite of all doors does not see: what is on the wire for browsers. */
describe('Server-Sent Events', () => {
  let app: TestApp;
  let cookies: string;
  let roomId: string;

  beforeAll(async () => {
    app = await startTestApp({ env: { STREAM_HEARTBEAT_MS: String(HEARTBEAT_MS) } });
    cookies = `chat-access-token=${await tokenOf(2)}; chat-client-id=`;
    const reading = await open();
    const ann = await chatClient(app.url, { as: 1 });
    roomId = (await ann.createRoom({ type: 'p2p', participants: [2] })).room?.id ?? '';
    // Later readers begin after this news.
    await readUntil(reading, ({ data }) => data?.includes('"roomJoin"') === true);
  });
  afterAll(() => app?.stop());

  /** As a browser opens it: with cookies only. */
  async function open(
    query: Readonly<Record<string, string>> = {},
    headers: Readonly<Record<string, string>> = {},
    clientId: string = randomUUID(),
  ): Promise<Response> {
    const cookie = `${cookies}${clientId}`;
    return await fetch(`${app.url}${PATH}?${new URLSearchParams(query)}`, {
      headers: { cookie, ...headers },
    });
  }

  /** Events until one satisfies, that one included; then the connection is closed. */
  async function readUntil(response: Response, isLast: (block: Block) => boolean): Promise<Block[]> {
    const blocks: Block[] = [];
    let text = '';
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const parts = `${text}${chunk}`.split('\n\n');
      text = parts.pop() ?? '';
      for (const part of parts) {
        const block = Object.fromEntries(part.split('\n').map((line) => line.split(/: (.*)/).slice(0, 2)));
        blocks.push(block);
        if (isLast(block)) return blocks;
      }
    }
    return blocks;
  }

  async function send(): Promise<string> {
    const { message } = await (await chatClient(app.url, { as: 1 })).sendMessage({ roomId, content: 'eA==' });
    return message?.id ?? '';
  }

  function holds(id: string): (block: Block) => boolean {
    return ({ data }) => data?.includes(`"message":{"id":"${id}"`) === true;
  }

  test('begins with a hint, then the events with their cursors as ids', async () => {
    const response = await open();
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-accel-buffering': 'no',
    });
    const id = await send();
    const blocks = await readUntil(response, holds(id));
    expect(blocks[0]).toEqual({ retry: '2000' });
    for (const { id: cursor, data, ...rest } of blocks.slice(1)) {
      expect([JSON.parse(data ?? '').cursor, rest]).toEqual([cursor, {}]);
    }
    expect(JSON.parse(blocks[1]?.data ?? '')).toMatchObject({ connected: true, roomId: '' });
    expect(JSON.parse(blocks.at(-1)?.data ?? '')).toMatchObject({ roomId, message: { id, edited: false } });
  });

  test('heartbeats are events', async () => {
    let beats = 0;
    const blocks = await readUntil(await open(), ({ data }) => {
      if (data?.includes('"connected":true') === true) beats += 1;
      return beats === 3;
    });
    expect(beats).toBe(3);
    expect(blocks).toHaveLength(4);
  });

  test('Last-Event-ID wins over the cursor in the query; an empty one is none', async () => {
    const [beginning] = (await readUntil(await open(), ({ id }) => id !== undefined)).slice(-1);
    const first = await send();
    const [after] = (await readUntil(await open({ cursor: beginning?.id ?? '' }), holds(first))).slice(-1);
    const second = await send();
    const back = await open({ cursor: beginning?.id ?? '' }, { 'last-event-id': after?.id ?? '' });
    const blocks = await readUntil(back, holds(second));
    expect(blocks.filter(holds(first))).toEqual([]);
    const empty = await open({ cursor: beginning?.id ?? '' }, { 'last-event-id': '' });
    expect((await readUntil(empty, holds(second))).filter(holds(first))).toHaveLength(1);
  });

  test('the room in the query restricts it, by either name', async () => {
    const ann = await chatClient(app.url, { as: 1 });
    const other = (await ann.createRoom({ type: 'group', name: 'x', participants: [2] })).room?.id ?? '';
    for (const name of ['room_id', 'roomId']) {
      const response = await open({ [name]: roomId });
      const { message } = await ann.sendMessage({ roomId: other });
      const blocks = await readUntil(response, holds(await send()));
      expect(blocks.filter(holds(message?.id ?? ''))).toEqual([]);
    }
  });

  test.each([
    [401, 'invalid_token', { cookie: 'chat-access-token=x' }, {}],
    [400, 'client_id_needed', {}, {}],
    [400, 'invalid_request_data', { 'x-client-id': 'x' }, { room_id: 'x' }],
  ])('what refuses it is %i %s in an envelope', async (status, message, headers, query) => {
    const response = await open({ ...query }, { ...headers }, '');
    expect([response.status, response.headers.get('content-type')]).toEqual([status, 'application/json']);
    expect(await response.json()).toEqual({ statusCode: status, message });
  });

  test('what ends it later is an event, and it ends', async () => {
    const clientId = randomUUID();
    const older = await open({}, {}, clientId);
    const newer = await open({}, {}, clientId);
    const blocks = await readUntil(older, () => false);
    const data = JSON.stringify({ code: 'aborted', message: 'stream_replaced' });
    expect(blocks.at(-1)).toEqual({ event: 'error', data });
    await newer.body?.cancel();
  });

  test('who goes away holds no stream', async () => {
    const streams = async (): Promise<number | undefined> =>
      (await scrape(app.url)).value('chat_active_connections');
    const response = await open();
    await expect.poll(streams).toBe(1);
    await readUntil(response, ({ data }) => data !== undefined);
    await expect.poll(streams).toBe(0);
  });
});
