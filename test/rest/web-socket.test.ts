import { once } from 'node:events';
import * as http from 'node:http';
import * as net from 'node:net';
import type { Duplex } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket as Client, type ClientOptions } from 'ws';
import { chatClient, startTestApp, type TestApp, tokenOf } from '../support/app.ts';
import { scrape } from '../support/scrape.ts';
import { type RawResponse, rawRequest } from './raw-request.ts';

const PATH = '/api/chat/v1/ws';
const ORIGIN = 'https://app.example';
const HANDSHAKE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

/** What the suite of all doors does not see: how it is opened, and what is on the wire. */
describe('WebSocket', () => {
  const sockets: Client[] = [];
  let app: TestApp;
  let token: string;
  let roomId: string;
  let clients = 0;

  beforeAll(async () => {
    app = await startTestApp({ env: { CORS_ORIGINS: ORIGIN, STREAM_BUFFER: '100' } });
    token = await tokenOf(2);
    const ann = await chatClient(app.url, { as: 1 });
    roomId = (await ann.createRoom({ type: 'p2p', participants: [2] })).room?.id ?? '';
  });
  afterAll(() => app?.stop());
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.terminate();
  });

  function open(
    headers: Readonly<Record<string, string>>,
    options: ClientOptions = {},
    url = app.url,
    query = '',
  ): Client {
    const socket = new Client(`${url}${PATH}${query}`, { headers: { ...headers }, ...options });
    sockets.push(socket);
    return socket;
  }

  /** Headers of a client that can set them. */
  function bearer(as = token): Record<string, string> {
    clients += 1;
    return { authorization: `Bearer ${as}`, 'x-client-id': `native-${clients}` };
  }

  /** Cookies of a browser. */
  function cookies(): Record<string, string> {
    clients += 1;
    return { cookie: `chat-access-token=${token}; chat-client-id=browser-${clients}` };
  }

  async function connected(socket: Client): Promise<Client> {
    const [data, isBinary] = await once(socket, 'message');
    expect([JSON.parse(String(data)), isBinary]).toMatchObject([{ roomId: '', connected: true }, false]);
    return socket;
  }

  async function closing(socket: Client): Promise<[code: number, reason: string]> {
    const [code, reason] = await once(socket, 'close');
    return [code, String(reason)];
  }

  async function send(count: number, content: string): Promise<void> {
    const ann = await chatClient(app.url, { as: 1 });
    for (let sent = 0; sent < count; sent += 20) {
      await Promise.all(Array.from({ length: 20 }, () => ann.sendMessage({ roomId, content })));
    }
  }

  async function get(headers: Readonly<Record<string, string>>, path = PATH): Promise<RawResponse> {
    return await rawRequest(app.url, { method: 'GET', path, headers });
  }

  test('a frame is an event in JSON; the answer to the handshake has the id of the request', async () => {
    const socket = open({ ...bearer(), 'x-request-id': 'mine' });
    const [[response]] = await Promise.all([once(socket, 'upgrade'), connected(socket)]);
    expect(response.headers).toMatchObject({ 'x-request-id': 'mine' });
    expect([socket.protocol, socket.extensions]).toEqual(['', '']);
    const news = once(socket, 'message');
    await send(1, 'eA==');
    expect(JSON.parse(String((await news)[0]))).toMatchObject({
      roomId,
      message: { content: 'eA==', edited: false },
    });
  });

  test('a page has its token among the subprotocols; it is neither answered nor logged', async () => {
    const socket = new WebSocket(`${app.url.replace('http', 'ws')}${PATH}?client_id=page`, [
      'chat.v1',
      `bearer.${token}`,
    ]);
    await new Promise((resolve) => socket.addEventListener('message', resolve));
    expect(socket.protocol).toBe('chat.v1');
    socket.close();
    await new Promise((resolve) => socket.addEventListener('close', resolve));
    await expect.poll(() => app.logs.filter(({ clientId }) => clientId === 'page')).toHaveLength(1);
    expect(JSON.stringify(app.logs)).not.toContain(token);
  });

  test('a client id that no header could carry is taken too, an empty one is none', async () => {
    const authorization = `Bearer ${token}`;
    await connected(open({ authorization }, {}, app.url, `?client_id=${encodeURIComponent('😀\n')}`));
    const answer = await get({ ...HANDSHAKE, authorization }, `${PATH}?client_id=`);
    expect(answer.json).toMatchObject({ message: 'client_id_needed' });
  });

  test('cookies are for pages of this host and of allowed origins', async () => {
    await connected(open(cookies()));
    await connected(open(cookies(), { origin: ORIGIN }));
    await connected(open(cookies(), { origin: app.url }));
    for (const origin of ['https://evil.example', 'null']) {
      const typed = { ...cookies(), 'content-type': 'application/json' };
      for (const headers of [cookies(), typed]) {
        const { status, json } = await get({ ...HANDSHAKE, ...headers, origin });
        expect([status, json]).toEqual([403, { statusCode: 403, message: 'permission_denied' }]);
      }
      for (const pretext of [{ authorization: 'Basic eDp5' }, { 'sec-websocket-protocol': 'bearer.' }]) {
        expect((await get({ ...HANDSHAKE, ...cookies(), ...pretext, origin })).status).toBe(401);
      }
      await connected(open(bearer(), { origin }));
    }
  });

  test('what refuses it is an answer with an envelope', async () => {
    const refused = async (headers: Readonly<Record<string, string>>, query = ''): Promise<unknown[]> => {
      const { status, json } = await get({ ...HANDSHAKE, ...headers }, `${PATH}${query}`);
      return [status, json];
    };
    const envelope = (status: number, message: string) => [status, { statusCode: status, message }];
    expect(await refused({ 'x-client-id': 'x' })).toEqual(envelope(401, 'invalid_token'));
    expect(await refused(bearer('x'))).toEqual(envelope(401, 'invalid_token'));
    expect(await refused(bearer(), '?room_id=x')).toEqual(envelope(400, 'invalid_request_data'));
    expect(await refused(bearer(), '?cursor=%ff')).toEqual(envelope(400, 'invalid_request_data'));
    const stranger = await get({ ...HANDSHAKE, authorization: `Bearer ${token}` });
    expect([stranger.status, stranger.json]).toEqual(envelope(400, 'client_id_needed'));
    expect(stranger.headers).toMatchObject({ connection: 'close', 'x-content-type-options': 'nosniff' });
    expect(stranger.headers['set-cookie']?.[0]).toMatch(/^chat-client-id=/);
  });

  test('who opens it too often is told when to come back', async () => {
    const strict = await startTestApp({ limited: true, env: { RATE_LIMIT_STREAMS_PER_MINUTE: '1' } });
    try {
      await connected(open(bearer(), {}, strict.url));
      const headers = { ...HANDSHAKE, ...bearer() };
      const answer = await rawRequest(strict.url, { method: 'GET', path: PATH, headers });
      expect([answer.status, answer.json]).toMatchObject([429, { message: 'rate limit exceeded' }]);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    } finally {
      await strict.stop();
    }
  });

  test.each([
    ['no upgrade', {}],
    ['another one', { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABk' }],
    ['an old version', { ...HANDSHAKE, 'sec-websocket-version': '8' }],
    ['a key that is none', { ...HANDSHAKE, 'sec-websocket-key': 'x' }],
    ['a subprotocol twice', { ...HANDSHAKE, 'sec-websocket-protocol': 'chat.v1, chat.v1' }],
    ['a subprotocol that is none', { ...HANDSHAKE, 'sec-websocket-protocol': 'chat.v1,' }],
  ])('with %s it asks for an upgrade', async (_, headers) => {
    const answer = await get({ ...bearer(), ...headers });
    expect([answer.status, answer.json]).toEqual([426, { statusCode: 426, message: 'upgrade required' }]);
    expect(answer.headers).toMatchObject({
      connection: 'upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
    });
  });

  test('there is no WebSocket elsewhere, nor by another verb', async () => {
    const health = await get(HANDSHAKE, '/health');
    expect(health).toMatchObject({ status: 200, body: 'Ok', headers: { connection: 'keep-alive' } });
    expect((await get({ ...HANDSHAKE, ...bearer() }, '/api/chat/v1/room/list')).status).toBe(200);
    const posted = await rawRequest(app.url, { method: 'POST', path: PATH, headers: HANDSHAKE, body: '{}' });
    expect([posted.status, posted.headers.allow]).toEqual([405, 'GET']);
  });

  test('a message of the client ends it, a ping is answered', async () => {
    const polite = await connected(open(bearer()));
    polite.ping('here');
    expect(String((await once(polite, 'pong'))[0])).toBe('here');
    polite.send('{}');
    expect(await closing(polite)).toEqual([1003, 'unsupported_data']);
    const large = await connected(open(bearer()));
    large.send('x'.repeat(2_000));
    expect((await closing(large))[0]).toBe(1009);
  });

  test('the closing says what ended it', async () => {
    const headers = bearer();
    const older = await connected(open(headers));
    const replaced = closing(older);
    await connected(open(headers));
    expect(await replaced).toEqual([1008, 'stream_replaced']);
    const short = open(bearer(await tokenOf(2, { ttl: 2 })));
    expect(await closing(short)).toEqual([1008, 'token_expired']);
  });

  test('who does not read is closed with an overflow', async () => {
    const slow = await connected(open(bearer()));
    const closed = closing(slow);
    slow.pause();
    await send(600, '😀'.repeat(4_000));
    slow.resume();
    expect(await closed).toEqual([1013, 'stream_overflow']);
  });

  test('it is one call and one stream, and nothing is left of who goes away', async () => {
    const own = await startTestApp();
    try {
      const streams = async () => (await scrape(own.url)).value('chat_active_connections');
      const calls = async (code: string) =>
        (await scrape(own.url)).value('chat_rpc_requests_total', {
          method: '/services.chat.v1.ChatService/StreamMessages',
          code,
        });
      const socket = await connected(open(bearer(), {}, own.url));
      await expect.poll(streams).toBe(1);
      socket.terminate();
      await expect.poll(streams).toBe(0);
      await expect.poll(() => calls('canceled')).toBe(1);
    } finally {
      await own.stop();
    }
  });

  test('the service stops, whether it is answered or not', async () => {
    const own = await startTestApp();
    try {
      const socket = await connected(open(bearer(), {}, own.url));
      const asked = http.get(`${own.url}${PATH}`, { headers: { ...HANDSHAKE, ...bearer() } });
      const [, deaf]: [unknown, Duplex] = await once(asked, 'upgrade').then(([response, raw]) => [
        response,
        raw,
      ]);
      const closed = closing(socket);
      await own.stop();
      expect(await closed).toEqual([1001, 'shutting_down']);
      const told = Buffer.concat(await deaf.toArray()).toString('latin1');
      expect(told.endsWith('\x03\xe9shutting_down')).toBe(true);
    } finally {
      await own.stop();
    }
  });

  test('asked for behind a request that is not answered yet, the connection ends and the service goes on', async () => {
    const lines = Object.entries({ host: 'x', ...HANDSHAKE, ...bearer() }).map((pair) => pair.join(': '));
    const socket = net.connect(Number(new URL(app.url).port), '127.0.0.1');
    const first = `GET /api/chat/v1/room/list HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n\r\n`;
    socket.write(`${first}GET ${PATH} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
    await once(socket.resume(), 'close');
    expect((await get({}, '/health')).status).toBe(200);
  });
});
