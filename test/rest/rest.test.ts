import { connect } from 'node:net';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { JsonValue } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chatClient, startTestApp, type TestApp, tokenOf } from '../support/app.ts';
import { rawRequest } from './raw-request.ts';

describe('REST', () => {
  let app: TestApp;
  let token: string;
  let roomId: string;

  beforeAll(async () => {
    app = await startTestApp({ env: { RATE_LIMIT_TOKENS_PER_MINUTE: '1' } });
    token = await tokenOf(1);
    const { room } = await (await chatClient(app.url, { as: 1 })).createRoom({
      type: 'p2p',
      participants: [2],
    });
    roomId = room?.id ?? '';
  });
  afterAll(() => app?.stop());

  async function call(
    path: string,
    {
      method = 'GET',
      body,
      headers = {},
    }: { method?: string; body?: string | Buffer; headers?: Record<string, string> } = {},
  ) {
    return await rawRequest(app.url, {
      method,
      path,
      body,
      headers: { authorization: `Bearer ${token}`, ...headers },
    });
  }

  /** Without a content type, unless one is given. */
  async function send(body: string | Buffer, headers: Record<string, string> = {}) {
    return await call('/api/chat/v1/send', { method: 'POST', body, headers });
  }

  function text(content = 'eA=='): string {
    return JSON.stringify({ room_id: roomId, content });
  }

  test('answers in the envelope, with default values and names of enums', async () => {
    const { status, headers, json } = await send(text(), { 'content-type': 'application/json' });
    expect([status, headers['content-type'], headers['cache-control']]).toEqual([
      200,
      'application/json',
      'no-store',
    ]);
    expect(json).toMatchObject({
      statusCode: 200,
      message: 'Success',
      data: {
        success: true,
        message: { roomId, edited: false, mentions: [], status: 'MESSAGE_STATUS_SENT' },
      },
    });
    expect(Object.keys(Object(json))).toEqual(['statusCode', 'message', 'data']);
    expect(headers['x-request-id']).toMatch(/./);
  });

  test.each(['text/plain', 'application/json; charset=utf-8', 'Application/JSON', undefined])(
    'reads a body of type %s as JSON',
    async (type) => {
      expect((await send(text(), type === undefined ? {} : { 'content-type': type })).status).toBe(200);
    },
  );

  test.each([
    'application/x-www-form-urlencoded',
    'application/proto',
    'application/grpc-web+proto',
    'text/html',
  ])('refuses a body of type %s', async (type) => {
    const { status, json } = await send(text(), { 'content-type': type });
    expect([status, json]).toEqual([415, { statusCode: 415, message: 'unsupported media type' }]);
  });

  test('takes nothing for an empty message', async () => {
    const { status, json } = await call('/api/chat/v1/sync', { method: 'POST' });
    expect([status, json]).toMatchObject([200, { data: { rooms: [{ id: roomId }] } }]);
  });

  test.each([
    ['/api/chat/v1/room/%00', 400, 'invalid_request_data'],
    ['/api/chat/v1/room/%zz', 400, 'invalid_request_data'],
    ['/api/chat/v1/room/x', 400, 'invalid_request_data'],
    ['/api/chat/v1/room/list?page=x', 400, 'invalid_request_data'],
    ['/api/chat/v1/room/00000000-0000-4000-8000-000000000000', 404, 'not_found'],
  ])('%s is refused with %i', async (path, statusCode, message) => {
    const { status, json } = await call(path);
    expect([status, json]).toEqual([statusCode, { statusCode, message }]);
  });

  test('tells the inherited detail when it is asked to', async () => {
    const headers = { 'x-show-grpc-errors-details': 'true', 'x-client-id': 'phone' };
    const { json } = await call('/api/chat/v1/room/x', { headers });
    expect(json).toEqual({
      statusCode: 400,
      message: 'invalid_request_data',
      data: {
        type: 'error',
        HTTPStatusCode: 400,
        apiErrorCode: 3,
        ClientId: 'phone',
        message: 'invalid_request_data',
      },
    });
  });

  test('nobody is told anything but that he is nobody', async () => {
    for (const headers of [{ authorization: '' }, { authorization: 'Bearer x' }]) {
      const { status, json } = await send('{', { ...headers });
      expect([status, json]).toEqual([401, { statusCode: 401, message: 'invalid_token' }]);
    }
    const { status } = await call('/api/users/v1/get', { method: 'POST' });
    expect(status).toBe(403);
  });

  test('too large is 413, compressed or not, announced or not', async () => {
    const large = text('x'.repeat(70_000));
    const refused = [413, { statusCode: 413, message: 'invalid_request_data' }];
    for (const headers of [{}, { 'transfer-encoding': 'chunked' }, { 'content-encoding': 'gzip' }]) {
      const body = 'content-encoding' in headers ? gzipSync(large) : large;
      const { status, json } = await send(body, { ...headers });
      expect([status, json]).toEqual(refused);
    }
  });

  test('the connection goes on after a body that was too large', async () => {
    const { hostname, port } = new URL(app.url);
    const socket = connect(Number(port), hostname);
    const head = `POST /api/chat/v1/send HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n`;
    const large = `${(500_000).toString(16)}\r\n${'x'.repeat(500_000)}\r\n`;
    socket.write(`${head}Transfer-Encoding: chunked\r\n\r\n${large.repeat(4)}0\r\n\r\n`);
    socket.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
    let answers = '';
    for await (const chunk of socket.setEncoding('latin1')) {
      answers += chunk;
      if (answers.includes('HTTP/1.1 200')) break;
    }
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 413', 'HTTP/1.1 200']);
  });

  test('compresses for those who can read it, and reads what is compressed', async () => {
    const first = await send(gzipSync(text('y'.repeat(2_000))), { 'content-encoding': 'gzip' });
    expect([first.status, first.headers['content-encoding']]).toEqual([200, undefined]);
    const { headers, bytes } = await call(`/api/chat/v1/history/${roomId}`, {
      headers: { 'accept-encoding': 'gzip, br' },
    });
    expect(headers['content-encoding']).toBe('gzip');
    expect(JSON.parse(gunzipSync(bytes).toString())).toMatchObject({ statusCode: 200 });
  });

  test('a verb that a path does not know is 405; a fixed path is never a variable', async () => {
    const wrong: [string, string, string][] = [
      ['DELETE', '/api/chat/v1/send', 'POST'],
      ['GET', '/api/chat/v1/room/create', 'POST'],
      ['POST', '/api/chat/v1/room/list', 'GET, HEAD'],
      ['POST', '/api/chat/v1/room/update', 'PUT'],
      ['OPTIONS', `/api/chat/v1/room/${roomId}`, 'GET, HEAD'],
      ['HEAD', '/api/chat/v1/stream', 'GET'],
      ['GET', '/api/chat/v1/poll', 'POST'],
    ];
    for (const [method, path, allow] of wrong) {
      const { status, headers, json } = await call(path, { method });
      expect([path, status, headers.allow]).toEqual([path, 405, allow]);
      if (method !== 'HEAD') expect(json).toEqual({ statusCode: 405, message: 'method not allowed' });
    }
  });

  test.each([
    '/api',
    '/api/chat/v1/room',
    '/api/chat/v1/room/',
    '/api/chat/v1/room/list/',
    '/api/chat/v1/nothing',
  ])('%s is not there', async (path) => {
    const { status, json } = await call(path);
    expect([status, json]).toEqual([404, { code: 'not_found', message: 'not_found' }]);
  });

  test('HEAD is GET without the body', async () => {
    const [get, head] = [
      await call('/api/chat/v1/room/list'),
      await call('/api/chat/v1/room/list', { method: 'HEAD' }),
    ];
    expect([head.status, head.bytes.length]).toEqual([200, 0]);
    expect(head.headers['content-length']).toBe(get.headers['content-length']);
  });

  test('limits hold, and tell when to come back', async () => {
    const save = (): ReturnType<typeof call> =>
      call('/api/tokens/v1/save', { method: 'POST', body: '{"token":"t","platform":"ios","device":"d"}' });
    expect((await save()).status).toBe(200);
    const { status, headers, json } = await save();
    expect([status, json]).toEqual([429, { statusCode: 429, message: 'rate limit exceeded' }]);
    expect(Number(headers['retry-after'])).toBeGreaterThan(0);
  });

  test('a call counts and is logged once, as the procedure that it is', async () => {
    const headers = { 'x-request-id': 'counted-once' };
    await call('/api/chat/v1/room/list', { headers });
    const lines = app.logs.filter(({ requestId, msg }) => requestId === 'counted-once' && msg === 'rpc');
    expect(lines).toMatchObject([
      { method: '/services.chat.v1.ChatService/GetRooms', code: 'ok', userId: 1 },
    ]);
    const { body } = await rawRequest(app.url, { method: 'GET', path: '/metrics', headers: {} });
    expect(body).toContain('method="/services.chat.v1.ChatService/GetRooms",code="ok"');
  });

  test('procedures answer bare Connect JSON, as they did', async () => {
    const { json } = await call('/services.chat.v1.ChatService/GetRooms', {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json' },
    });
    const bare: JsonValue = json;
    expect(bare).toMatchObject({ items: [{ id: roomId }] });
    expect(bare).not.toHaveProperty('statusCode');
  });
});
