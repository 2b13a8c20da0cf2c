import { once } from 'node:events';
import * as http2 from 'node:http2';
import { gzipSync } from 'node:zlib';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createClient,
  type Interceptor,
  type Transport,
} from '@connectrpc/connect';
import {
  compressionGzip,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import * as grpcJs from '@grpc/grpc-js';
import { SignJWT } from 'jose';
import pino from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createActiveUsers } from '../../src/auth/active-users.ts';
import { createTokenVerifier } from '../../src/auth/token-verifier.ts';
import { ChatError, type Reason } from '../../src/chat/errors.ts';
import { loadConfig } from '../../src/config.ts';
import { ChatService } from '../../src/gen/services/chat/v1/service_pb.ts';
import {
  GetRoomRequestSchema,
  GetRoomResponseSchema,
  MessageEventSchema,
  SendMessageRequestSchema,
} from '../../src/gen/services/chat/v1/types_pb.ts';
import { UsersService } from '../../src/gen/services/users/v1/service_pb.ts';
import { createLimits } from '../../src/limits/limits.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { createRpcHandlers } from '../../src/rpc/adapter.ts';
import { callerOf, requestIdOf } from '../../src/rpc/context.ts';
import { createClientAddress } from '../../src/server/client-address.ts';
import { createCors } from '../../src/server/cors.ts';
import { createHttpServer, type HttpServer } from '../../src/server/http-server.ts';

const SECRET = 'a secret of at least thirty-two bytes';
const MAX_BYTES = 4096;
const REASONS: readonly (readonly [Reason, Code, number])[] = [
  ['invalid_token', Code.Unauthenticated, 401],
  ['token_expired', Code.Unauthenticated, 401],
  ['invalid_request_data', Code.InvalidArgument, 400],
  ['client_id_needed', Code.InvalidArgument, 400],
  ['not_found', Code.NotFound, 404],
  ['permission_denied', Code.PermissionDenied, 403],
  ['rate limit exceeded', Code.ResourceExhausted, 429],
  ['too many connections', Code.ResourceExhausted, 429],
  ['stream_overflow', Code.ResourceExhausted, 429],
  ['overloaded', Code.ResourceExhausted, 429],
  ['stream_replaced', Code.Aborted, 409],
  ['shutting_down', Code.Unavailable, 503],
  ['internal_server_error', Code.Internal, 500],
];

let server: HttpServer;
let base = '';
let token = '';
let logs: Record<string, unknown>[] = [];
const draining = new AbortController();
const streamsEnd = new AbortController();

/** What the implementation does is told by the id of the room: a reason, or one of the words below. */
function misbehave(id: string): void {
  if (REASONS.some(([reason]) => reason === id))
    throw new ChatError(id as Reason, { cause: new Error('pg: secret') });
  if (id === 'crash') throw new Error('relation "room" does not exist');
  if (id === 'abort') throw new DOMException('This operation was aborted', 'AbortError');
}

function routes(router: ConnectRouter): void {
  router.service(ChatService, {
    async getRoom(request, context) {
      misbehave(request.id);
      if (request.id === 'wait') {
        await once(context.signal, 'abort');
        throw new DOMException('This operation was aborted', 'AbortError');
      }
      const { userId, client } = callerOf(context);
      return {
        room: {
          id: request.id,
          name: `${userId} ${client.clientId ?? '-'}`,
          description: requestIdOf(context),
        },
      };
    },
    sendMessage(request) {
      return { success: true, message: { content: request.content } };
    },
    async *streamMessages(request, context) {
      misbehave(request.roomId ?? '');
      yield { eventId: 'first', event: { case: 'connected', value: true } };
      misbehave((request.roomId ?? '').replace('later ', ''));
      if (request.roomId === 'short') return;
      await once(context.signal, 'abort');
    },
  });
  router.service(UsersService, { getUsers: () => ({}) });
}

beforeAll(async () => {
  const logger = pino({ level: 'info' }, { write: (line) => logs.push(JSON.parse(line)) });
  const metrics = createMetrics();
  const handlers = createRpcHandlers({
    routes,
    maxRequestBytes: MAX_BYTES,
    verifier: createTokenVerifier(
      { keys: { kind: 'secret', secret: SECRET }, issuer: undefined, audience: undefined },
      logger,
    ),
    activeUsers: createActiveUsers({ activeUsers: async (ids) => new Set(ids.filter((id) => id < 100)) }),
    cookies: { session: 'chat-access-token', clientId: 'chat-client-id' },
    draining: draining.signal,
    streamsEnd: streamsEnd.signal,
    logger,
    limits: createLimits({ rates: loadConfig({}).config.rateLimits, redis: undefined, metrics }),
    clientAddress: createClientAddress([]),
    metrics,
  });
  server = createHttpServer({
    host: '127.0.0.1',
    port: 0,
    cors: createCors('any'),
    routes: handlers,
    logger,
  });
  await server.start();
  base = server.address().url;
  token = await tokenOf({ user_id: 7 });
});
afterAll(async () => {
  await server.stop(AbortSignal.timeout(500));
});
beforeEach(() => {
  logs = [];
});

async function tokenOf(claims: Record<string, unknown>): Promise<string> {
  return await new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('1h')
    .sign(Buffer.from(SECRET));
}

type Http = '1.1' | '2';
const transports: Readonly<Record<string, (headers?: Record<string, string>) => Transport>> = {
  'connect 1.1 binary': (headers) => connectTransport('1.1', true, headers),
  'connect 1.1 json': (headers) => connectTransport('1.1', false, headers),
  'connect 2 binary': (headers) => connectTransport('2', true, headers),
  'connect 2 json': (headers) => connectTransport('2', false, headers),
  'grpc binary': (headers) => createGrpcTransport({ baseUrl: base, interceptors: [withHeaders(headers)] }),
  'grpc json': (headers) =>
    createGrpcTransport({ baseUrl: base, useBinaryFormat: false, interceptors: [withHeaders(headers)] }),
  'grpc-web 1.1': (headers) =>
    createGrpcWebTransport({ baseUrl: base, httpVersion: '1.1', interceptors: [withHeaders(headers)] }),
  'grpc-web 2': (headers) =>
    createGrpcWebTransport({ baseUrl: base, httpVersion: '2', interceptors: [withHeaders(headers)] }),
};
const names = Object.keys(transports);

function connectTransport(
  httpVersion: Http,
  useBinaryFormat: boolean,
  headers?: Record<string, string>,
): Transport {
  return createConnectTransport({
    baseUrl: base,
    httpVersion,
    useBinaryFormat,
    interceptors: [withHeaders(headers)],
  });
}

function withHeaders(headers: Record<string, string> = { authorization: `Bearer ${token}` }): Interceptor {
  return (next) => (request) => {
    for (const [name, value] of Object.entries(headers)) request.header.set(name, value);
    return next(request);
  };
}

function chat(name: string, headers?: Record<string, string>) {
  const transport = transports[name]?.(headers);
  if (transport === undefined) throw new Error(name);
  return createClient(ChatService, transport);
}

async function refusalOf(call: Promise<unknown>): Promise<ConnectError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ConnectError);
  return ConnectError.from(error);
}

async function collect(stream: AsyncIterable<{ readonly eventId: string }>): Promise<string[]> {
  const ids: string[] = [];
  for await (const { eventId } of stream) ids.push(eventId);
  return ids;
}

/** The JSON object inside the inherited error detail. */
function detailOf(error: ConnectError): { procedure: string; info: Record<string, unknown> } {
  const [value] = error.findDetails(ValueSchema);
  const text = value?.kind.case === 'stringValue' ? value.kind.value : '';
  const [procedure = '', info = ''] = text.split(':responseInfo:');
  return { procedure, info: JSON.parse(Buffer.from(info, 'base64').toString()) };
}

function post(method: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) {
  return fetch(`${base}/services.chat.v1.ChatService/${method}`, {
    method: 'POST',
    body,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
  });
}

describe.each(names)('%s', (name) => {
  test('answers', async () => {
    const client = chat(name, {
      authorization: `Bearer ${token}`,
      'x-client-id': 'phone',
      'x-request-id': 'trace',
    });
    const { room } = await client.getRoom({ id: 'r' });
    expect(room).toMatchObject({ id: 'r', name: '7 phone', description: 'trace' });
    expect(await collect(client.streamMessages({ roomId: 'short' }))).toEqual(['first']);
  });

  test.each(REASONS)('%s', async (reason, code, status) => {
    const client = chat(name, { authorization: `Bearer ${token}`, 'x-client-id': 'phone' });
    const calls = {
      GetRoom: () => client.getRoom({ id: reason }),
      StreamMessages: () => collect(client.streamMessages({ roomId: reason })),
    };
    for (const [method, call] of Object.entries(calls)) {
      const error = await refusalOf(call());
      expect([error.code, error.rawMessage]).toEqual([code, reason]);
      expect(detailOf(error)).toEqual({
        procedure: `/services.chat.v1.ChatService/${method}`,
        info: {
          type: 'error',
          HTTPStatusCode: status,
          apiErrorCode: code,
          ClientId: 'phone',
          message: reason,
        },
      });
    }
  });

  test('nothing of a crash leaks, at the start or in the middle of a stream', async () => {
    const client = chat(name);
    const calls = [
      () => client.getRoom({ id: 'crash' }),
      () => collect(client.streamMessages({ roomId: 'crash' })),
      () => collect(client.streamMessages({ roomId: 'later crash' })),
    ];
    for (const call of calls) {
      const error = await refusalOf(call());
      expect([error.code, error.rawMessage]).toEqual([Code.Internal, 'internal_server_error']);
      expect(JSON.stringify([error.message, error.details])).not.toContain('relation');
    }
    const failures = logs.filter(({ msg }) => msg === 'call failed');
    expect(failures).toHaveLength(3);
    for (const failure of failures)
      expect(failure).toMatchObject({ requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) });
  });

  test('no token, or a bad one', async () => {
    for (const headers of [
      {},
      { authorization: 'Bearer x.y.z' },
      { authorization: `bearer ${token}` },
      { authorization: token },
    ]) {
      const client = chat(name, headers);
      for (const call of [() => client.getRoom({ id: 'r' }), () => collect(client.streamMessages({}))]) {
        const error = await refusalOf(call());
        expect([error.code, error.rawMessage]).toEqual([Code.Unauthenticated, 'invalid_token']);
        expect(detailOf(error).info).toMatchObject({ HTTPStatusCode: 401, message: 'invalid_token' });
      }
    }
  });

  test('a deadline', async () => {
    const error = await refusalOf(chat(name).getRoom({ id: 'wait' }, { timeoutMs: 50 }));
    expect(error.code).toBe(Code.DeadlineExceeded);
  });

  test('too large', async () => {
    const error = await refusalOf(chat(name).sendMessage({ content: 'x'.repeat(MAX_BYTES + 1) }));
    expect([error.code, error.rawMessage]).toEqual([Code.ResourceExhausted, 'invalid_request_data']);
  });

  test('characters that no text may hold', async () => {
    const error = await refusalOf(chat(name).getRoom({ id: 'a\0b' }));
    expect([error.code, error.rawMessage]).toEqual([Code.InvalidArgument, 'invalid_request_data']);
    const inStream = await refusalOf(collect(chat(name).streamMessages({ cursor: '\0' })));
    expect([inStream.code, inStream.rawMessage]).toEqual([Code.InvalidArgument, 'invalid_request_data']);
  });
});

describe('@grpc/grpc-js', () => {
  let client: grpcJs.Client;
  beforeAll(() => {
    client = new grpcJs.Client(base.replace('http://', ''), grpcJs.credentials.createInsecure());
  });
  afterAll(() => client.close());

  function metadata(): grpcJs.Metadata {
    const headers = new grpcJs.Metadata();
    headers.set('authorization', `Bearer ${token}`);
    headers.set('x-client-id', 'phone');
    return headers;
  }

  function getRoom(id: string): Promise<{ readonly name: string | undefined } | grpcJs.ServiceError> {
    return new Promise((resolve) => {
      client.makeUnaryRequest(
        '/services.chat.v1.ChatService/GetRoom',
        (request: string) =>
          Buffer.from(toBinary(GetRoomRequestSchema, create(GetRoomRequestSchema, { id: request }))),
        (bytes: Buffer) => fromBinary(GetRoomResponseSchema, bytes),
        id,
        metadata(),
        (error, answer) => resolve(error ?? { name: answer?.room?.name }),
      );
    });
  }

  test('unary calls', async () => {
    expect(await getRoom('r')).toEqual({ name: '7 phone' });
    for (const [reason, code] of REASONS) {
      expect(await getRoom(reason)).toMatchObject({ code, details: reason });
    }
  });

  test('a stream, and its cancellation', async () => {
    const stream = client.makeServerStreamRequest(
      '/services.chat.v1.ChatService/StreamMessages',
      () => Buffer.alloc(0),
      (bytes: Buffer) => fromBinary(MessageEventSchema, bytes),
      {},
      metadata(),
    );
    const [event] = await once(stream, 'data');
    expect(event).toMatchObject({ eventId: 'first', event: { case: 'connected', value: true } });
    stream.cancel();
    const [error] = await once(stream, 'error');
    expect(error.code).toBe(grpcJs.status.CANCELLED);
    await expect.poll(() => logs).toMatchObject([{ msg: 'rpc', code: 'canceled' }]);
  });
});

describe('identity', () => {
  test('the header wins over the cookie; a bad header is not saved by a good cookie', async () => {
    const other = await tokenOf({ user_id: 8 });
    const nameWith = async (headers: Record<string, string>): Promise<string | undefined> =>
      (await chat('connect 1.1 json', headers).getRoom({ id: 'r' })).room?.name;
    const cookie = `x=y; chat-access-token=${other}; chat-client-id=tab`;
    expect(await nameWith({ cookie })).toBe('8 tab');
    expect(await nameWith({ cookie, authorization: `Bearer ${token}` })).toBe('7 tab');
    const refused = await refusalOf(nameWith({ cookie, authorization: 'Bearer x' }));
    expect(refused.code).toBe(Code.Unauthenticated);
  });

  test('a session or a token in General-Params-Bin is no identity', async () => {
    const forged = Buffer.from(
      JSON.stringify({
        Session: { userId: 1, sessionId: 's', type: 'ACCESS' },
        SessionToken: token,
        ClientId: 'c',
      }),
    ).toString('base64');
    const refused = await refusalOf(
      chat('connect 1.1 json', { 'general-params-bin': forged }).getRoom({ id: 'r' }),
    );
    expect([refused.code, refused.rawMessage]).toEqual([Code.Unauthenticated, 'invalid_token']);
    const headers = { 'general-params-bin': forged, authorization: `Bearer ${token}` };
    expect((await chat('connect 1.1 json', headers).getRoom({ id: 'r' })).room?.name).toBe('7 c');
  });

  test('a user who does not exist is nobody, also as administrator', async () => {
    for (const claims of [{ user_id: 100 }, { user_id: 100, role: 'admin' }]) {
      const client = chat('connect 2 binary', { authorization: `Bearer ${await tokenOf(claims)}` });
      expect((await refusalOf(client.getRoom({ id: 'r' }))).rawMessage).toBe('invalid_token');
    }
  });

  test('users are administrators’ business; an administrator need not exist', async () => {
    const users = async (claims: Record<string, unknown>) =>
      createClient(
        UsersService,
        connectTransport('2', true, { authorization: `Bearer ${await tokenOf(claims)}` }),
      );
    await (await users({ user_id: 100, role: 'admin' })).getUsers({});
    const refused = await refusalOf((await users({ user_id: 7 })).getUsers({}));
    expect([refused.code, refused.rawMessage]).toEqual([Code.PermissionDenied, 'permission_denied']);
    expect((await refusalOf((await users({ user_id: 100 })).getUsers({}))).rawMessage).toBe('invalid_token');
  });
});

describe('bodies that are no request', () => {
  const bad = { code: 'invalid_argument', message: 'invalid_request_data' };

  test.each(['{', '[]', '"x"', '{"id":7}', '{"id":"\\ud800"}', '', 'null', '{"id":{"a":1}}'])(
    'JSON %s',
    async (body) => {
      const answer = await post('GetRoom', body);
      expect([answer.status, await answer.json()]).toMatchObject([400, bad]);
    },
  );

  test('JSON that is no UTF-8 is read with replacement characters, as JSON parsers do', async () => {
    const answer = await post(
      'GetRoom',
      Uint8Array.from([...Buffer.from('{"id":"'), 0xff, ...Buffer.from('"}')]),
    );
    expect(await answer.json()).toMatchObject({ room: { id: '\ufffd' } });
  });

  test('unknown JSON fields are ignored, default values written', async () => {
    const answer = await post('GetRoom', '{"id":"r","surprise":[1]}');
    expect(await answer.json()).toMatchObject({
      room: { id: 'r', unreadCount: 0, participants: [], isMuted: false },
    });
  });

  test.each([
    ['a cut varint', [0x0a, 0xff]],
    ['text that is no UTF-8', [0x0a, 0x01, 0xff]],
    ['a wrong wire type', [0x0f, 0x01]],
    ['field number 0', [0x02, 0x01, 0x41]],
  ])('binary: %s', async (_, bytes) => {
    const body = Uint8Array.from(bytes);
    const connect = await post('GetRoom', body, { 'content-type': 'application/proto' });
    expect([connect.status, await connect.json()]).toMatchObject([400, bad]);
    const envelope = Buffer.concat([Buffer.from([0, 0, 0, 0, body.length]), body]);
    for (const method of ['GetRoom', 'StreamMessages']) {
      const headers = await grpc(method, envelope);
      expect([headers['grpc-status'], headers['grpc-message']]).toEqual(['3', 'invalid_request_data']);
    }
  });

  test('unknown binary fields are ignored', async () => {
    const known = toBinary(GetRoomRequestSchema, create(GetRoomRequestSchema, { id: 'r' }));
    const body = Uint8Array.from([...known, 0xa2, 0x06, 0x01, 0x41]);
    expect((await post('GetRoom', body, { 'content-type': 'application/proto' })).status).toBe(200);
  });

  test('a gzip bomb is refused before it unfolds; honest gzip is read', async () => {
    const headers = { 'content-encoding': 'gzip' };
    const bomb = await post('SendMessage', gzipSync(`{"content":"${'x'.repeat(20_000_000)}"}`), headers);
    expect([bomb.status, await bomb.json()]).toMatchObject([
      429,
      { code: 'resource_exhausted', message: 'invalid_request_data' },
    ]);
    expect((await post('SendMessage', gzipSync(`{"content":"${'x'.repeat(3000)}"}`), headers)).status).toBe(
      200,
    );
    const garbage = await post('SendMessage', Uint8Array.from([1, 2, 3]), headers);
    expect([garbage.status, await garbage.json()]).toMatchObject([400, bad]);
    const message = create(SendMessageRequestSchema, { content: 'x'.repeat(20_000_000) });
    const packed = await compressionGzip.compress(
      Uint8Array.from(toBinary(SendMessageRequestSchema, message)),
    );
    const envelope = Buffer.alloc(5 + packed.length);
    envelope.writeUInt8(1);
    envelope.writeUInt32BE(packed.length, 1);
    envelope.set(packed, 5);
    expect(await grpc('SendMessage', envelope, { 'grpc-encoding': 'gzip' })).toMatchObject({
      'grpc-status': '8',
    });
  });

  test('an unknown compression is unimplemented', async () => {
    const answer = await post('GetRoom', '{}', { 'content-encoding': 'br' });
    expect([answer.status, await answer.json()]).toMatchObject([501, { code: 'unimplemented' }]);
  });

  test('nothing is read from a stranger', async () => {
    const answer = await post('SendMessage', '{', { authorization: 'Bearer x' });
    expect(answer.status).toBe(401);
  });
});

test('one log line per RPC, without content or token', async () => {
  await chat('connect 2 binary', {
    authorization: `Bearer ${token}`,
    'x-client-id': 'phone',
    'x-request-id': 'trace',
  }).sendMessage({
    content: 'private words',
  });
  await refusalOf(chat('grpc binary').getRoom({ id: 'not_found' }));
  await collect(chat('grpc-web 1.1').streamMessages({ roomId: 'short' }));
  await (await post('GetRoom', '{')).text();
  await refusalOf(chat('connect 1.1 json', {}).getRoom({ id: 'r' }));
  await expect.poll(() => logs.length).toBe(5);
  expect(logs).toMatchObject([
    {
      method: '/services.chat.v1.ChatService/SendMessage',
      code: 'ok',
      userId: 7,
      clientId: 'phone',
      requestId: 'trace',
    },
    { method: '/services.chat.v1.ChatService/GetRoom', code: 'not_found', userId: 7 },
    { method: '/services.chat.v1.ChatService/StreamMessages', code: 'ok', userId: 7 },
    { method: '/services.chat.v1.ChatService/GetRoom', code: 'invalid_argument', userId: 7 },
    { method: '/services.chat.v1.ChatService/GetRoom', code: 'unauthenticated' },
  ]);
  expect(logs.every(({ durationMs }) => typeof durationMs === 'number')).toBe(true);
  for (const secret of ['private words', token]) expect(JSON.stringify(logs)).not.toContain(secret);
});

test('a client that leaves a stream is logged as canceled, not as a failure', async () => {
  for (const name of names) {
    logs = [];
    const leaving = new AbortController();
    const stream = chat(name).streamMessages({}, { signal: leaving.signal })[Symbol.asyncIterator]();
    await stream.next();
    leaving.abort();
    await refusalOf(stream.next());
    await expect.poll(() => logs).toMatchObject([{ msg: 'rpc', code: 'canceled' }]);
  }
});

test('stopping: streams end with unavailable, new ones are refused, unary calls go on', async () => {
  const streams = names.map((name) => chat(name).streamMessages({})[Symbol.asyncIterator]());
  for (const stream of streams) await stream.next();
  const waiting = refusalOf(chat('grpc binary').getRoom({ id: 'wait' }, { timeoutMs: 1_000 }));
  draining.abort();
  streamsEnd.abort();
  for (const stream of streams) {
    const error = await refusalOf(stream.next());
    expect([error.code, error.rawMessage]).toEqual([Code.Unavailable, 'shutting_down']);
  }
  const refused = await refusalOf(collect(chat('grpc binary').streamMessages({})));
  expect([refused.code, refused.rawMessage]).toEqual([Code.Unavailable, 'shutting_down']);
  expect((await waiting).code).toBe(Code.DeadlineExceeded);
  expect((await chat('connect 1.1 json').getRoom({ id: 'r' })).room?.id).toBe('r');
});

/** A raw gRPC call; answers the trailers (or the headers of a trailers-only answer). */
async function grpc(
  method: string,
  body: Uint8Array,
  extra: Record<string, string> = {},
): Promise<http2.IncomingHttpHeaders> {
  const session = http2.connect(base);
  const stream = session.request({
    ':path': `/services.chat.v1.ChatService/${method}`,
    ':method': 'POST',
    'content-type': 'application/grpc+proto',
    te: 'trailers',
    authorization: `Bearer ${token}`,
    ...extra,
  });
  stream.end(body);
  let trailers: http2.IncomingHttpHeaders = {};
  stream.on('response', (headers) => {
    if ('grpc-status' in headers) trailers = headers;
  });
  stream.on('trailers', (headers) => {
    trailers = headers;
  });
  stream.resume();
  await once(stream, 'close');
  session.close();
  return trailers;
}
