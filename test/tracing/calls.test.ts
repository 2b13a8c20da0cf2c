import { Code, ConnectError } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chatClient, type Protocol, startTestApp, type TestApp, tokenOf } from '../support/app.ts';
import { OtlpReceiver, type ReceivedSpan } from '../support/otlp-receiver.ts';
import { callersTrace } from '../support/trace-headers.ts';

const CHAT = 'services.chat.v1.ChatService';

describe('the span of a call', () => {
  let receiver: OtlpReceiver;
  let app: TestApp;
  let roomId: string;

  beforeAll(async () => {
    receiver = await OtlpReceiver.start();
    app = await startTestApp({ users: 20, env: { OTEL_EXPORTER_OTLP_ENDPOINT: `${receiver.url}/` } });
    const client = await chatClient(app.url, { as: 1 });
    roomId = (await client.createRoom({ type: 'group', name: 'R', participants: [2] })).room?.id ?? '';
  });
  afterAll(async () => {
    await app?.stop();
    await receiver?.stop();
  });

  /** The spans of a call that names its place in a trace, once the call's own one has come. */
  async function spansOf(call: (headers: Readonly<Record<string, string>>) => Promise<unknown>): Promise<{
    readonly call: ReceivedSpan;
    readonly others: readonly ReceivedSpan[];
    readonly error: Code;
  }> {
    const { traceId, spanId, traceparent } = callersTrace();
    const error = await call({ traceparent }).then(
      () => 0,
      (reason: unknown) => ConnectError.from(reason).code,
    );
    const span = await receiver.until((all) =>
      all.find((one) => one.traceId === traceId && one.parentSpanId === spanId),
    );
    const others = receiver.spans.filter((one) => one.traceId === traceId && one !== span);
    return { call: span, others, error };
  }

  test.each([
    ['connect-2', { 'rpc.system': 'connect_rpc', 'rpc.connect_rpc.error_code': 'not_found' }],
    ['connect-1.1-json', { 'rpc.system': 'connect_rpc', 'rpc.connect_rpc.error_code': 'not_found' }],
    ['grpc', { 'rpc.system': 'grpc', 'rpc.grpc.status_code': Code.NotFound }],
    ['grpc-web-1.1', { 'rpc.system': 'grpc', 'rpc.grpc.status_code': Code.NotFound }],
  ] as const)('tells with which code it was refused, over %s', async (protocol: Protocol, attributes) => {
    const unknown = '00000000-0000-4000-8000-00000000ffff';
    const { call, error } = await spansOf(async (headers) =>
      (await chatClient(app.url, { as: 1, protocol, headers })).getRoom({ id: unknown }),
    );
    expect(error).toBe(Code.NotFound);
    // A refusal is no failure of the service.
    expect(call).toMatchObject({ name: `${CHAT}/GetRoom`, kind: 2, error: undefined, attributes });
  });

  test('tells a gRPC call that went well', async () => {
    const { call } = await spansOf(async (headers) =>
      (await chatClient(app.url, { as: 1, protocol: 'grpc', headers })).getRooms({}),
    );
    expect(call.attributes).toMatchObject({ 'rpc.system': 'grpc', 'rpc.grpc.status_code': 0 });
  });

  test('tells a call by REST as the procedure that it is', async () => {
    const { call, others } = await spansOf(async (headers) =>
      fetch(`${app.url}/api/chat/v1/room/x`, {
        headers: { ...headers, authorization: `Bearer ${await tokenOf(1)}` },
      }),
    );
    const attributes = { 'rpc.connect_rpc.error_code': 'invalid_argument', 'enduser.id': '1' };
    expect(call).toMatchObject({ name: `${CHAT}/GetRoom`, kind: 2, attributes });
    expect(others).toEqual([]);
  });

  test('is there for a caller whom nobody knows, without what he claims to be', async () => {
    const { call, others } = await spansOf(async (headers) =>
      (await chatClient(app.url, { as: 'no-token', headers })).getRooms({}),
    );
    expect(call.attributes).toMatchObject({ 'rpc.connect_rpc.error_code': 'unauthenticated' });
    expect(call.attributes).not.toHaveProperty('enduser.id');
    expect(others).toEqual([]);
    expect(JSON.stringify(receiver.spans.map(({ attributes }) => attributes))).not.toContain('no-token');
  });

  test('says that the service failed, and so does the one of the store', async () => {
    const { db } = app.app.parts();
    await db.query('ALTER TABLE room_member RENAME TO room_member_away', []);
    try {
      const { call, others } = await spansOf(async (headers) =>
        (await chatClient(app.url, { as: 1, headers })).getRooms({}),
      );
      expect(call).toMatchObject({
        error: 'internal',
        attributes: { 'rpc.connect_rpc.error_code': 'internal' },
      });
      expect(others).toMatchObject([
        {
          name: 'get_room_list',
          parentSpanId: call.spanId,
          error: 'internal_server_error',
          attributes: { 'error.type': 'internal_server_error' },
        },
      ]);
      const ids = { traceId: call.traceId, spanId: call.spanId };
      expect(app.logs.find(({ msg, traceId }) => msg === 'call failed' && traceId === call.traceId)).toEqual(
        expect.objectContaining(ids),
      );
      expect(app.logs.filter(({ msg, traceId }) => msg === 'rpc' && traceId === call.traceId)).toMatchObject([
        { ...ids, code: 'internal' },
      ]);
    } finally {
      await db.query('ALTER TABLE room_member_away RENAME TO room_member', []);
    }
  });

  test('ends when a stream is open, and its log line still belongs to it', async () => {
    const leaving = new AbortController();
    const opened = Promise.withResolvers<void>();
    let reading: Promise<void> | undefined;
    const { call, others } = await spansOf(async (headers) => {
      const client = await chatClient(app.url, { as: 2, clientId: 'open', headers });
      reading = (async () => {
        for await (const _ of client.streamMessages({}, { signal: leaving.signal })) opened.resolve();
      })();
      await opened.promise;
    });
    expect(call).toMatchObject({ name: `${CHAT}/StreamMessages`, error: undefined });
    expect(call.attributes).not.toHaveProperty('rpc.connect_rpc.error_code');
    expect(others.map(({ name }) => name)).toContain('get_memberships');
    const line = (): unknown =>
      app.logs.find(({ msg, traceId }) => msg === 'rpc' && traceId === call.traceId);
    expect(line()).toBeUndefined();
    leaving.abort();
    await expect(reading).rejects.toThrow();
    await expect.poll(line).toMatchObject({ method: `/${CHAT}/StreamMessages`, spanId: call.spanId });
  });

  test('tells why a stream did not open', async () => {
    const { call } = await spansOf(async (headers) => {
      const client = await chatClient(app.url, { as: 2, headers });
      for await (const _ of client.streamMessages({})) expect.unreachable();
    });
    expect(call.attributes).toMatchObject({ 'rpc.connect_rpc.error_code': 'invalid_argument' });
  });

  test('begins a new trace when the caller sent nothing that names one', async () => {
    const id = '0af7651916cd43dd8448eb211c80319c';
    const headers = [
      undefined,
      'nonsense',
      `00-${id}-b7ad6b7169203331`,
      `00-${id}-b7ad6b7169203331-01-more`,
      `ff-${id}-b7ad6b7169203331-01`,
      `00-${id.toUpperCase()}-b7ad6b7169203331-01`,
      `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
      `00-${id}-${'0'.repeat(16)}-01`,
    ];
    for (const [index, traceparent] of headers.entries()) {
      const as = 5 + index;
      const client = await chatClient(app.url, {
        as,
        headers: traceparent === undefined ? {} : { traceparent },
      });
      await client.getRooms({});
    }
    for (const index of headers.keys()) {
      const as = String(5 + index);
      const span = await receiver.until((all) =>
        all.find((one) => one.name === `${CHAT}/GetRooms` && one.attributes['enduser.id'] === as),
      );
      expect(span).toMatchObject({ parentSpanId: '' });
      expect(span.traceId).toMatch(/^[0-9a-f]{32}$/);
      expect([id, '0'.repeat(32)]).not.toContain(span.traceId);
    }
  });

  test('continues a trace of a later version of the standard', async () => {
    const { traceId, spanId } = callersTrace();
    const headers = { traceparent: `01-${traceId}-${spanId}-01-more`, tracestate: 'vendor=1' };
    await (await chatClient(app.url, { as: 1, headers })).getRooms({});
    const [span] = await receiver.trace(traceId, 1);
    expect(span?.parentSpanId).not.toBe('');
  });

  test('is named by the log line also when nobody keeps the trace, which sends nothing', async () => {
    const { traceId, traceparent } = callersTrace(false);
    const client = await chatClient(app.url, { as: 1, headers: { traceparent } });
    await client.sendMessage({ roomId, content: 'x' });
    await expect
      .poll(() => app.logs.find((line) => line.msg === 'rpc' && line.traceId === traceId))
      .toMatchObject({ method: `/${CHAT}/SendMessage`, spanId: expect.stringMatching(/^[0-9a-f]{16}$/) });
    await spansOf(async (headers) => (await chatClient(app.url, { as: 1, headers })).getRooms({}));
    expect(receiver.spans.filter((span) => span.traceId === traceId)).toEqual([]);
  });
});

describe('with a ratio of 0', () => {
  test('only what the caller keeps is kept', async () => {
    const receiver = await OtlpReceiver.start();
    const app = await startTestApp({
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_TRACES_SAMPLER_ARG: '0' },
    });
    try {
      const anybody = await chatClient(app.url, { as: 1 });
      for (let call = 0; call < 5; call += 1) await anybody.getRooms({});
      const { traceId, traceparent } = callersTrace();
      await (await chatClient(app.url, { as: 1, headers: { traceparent } })).getRooms({});
      await receiver.trace(traceId, 1);
    } finally {
      await app.stop();
    }
    // Stopped, it has sent all that it had.
    expect(new Set(receiver.spans.map(({ name }) => name))).toEqual(
      new Set([`${CHAT}/GetRooms`, 'get_room_list']),
    );
    expect(receiver.spans.filter(({ name }) => name === `${CHAT}/GetRooms`)).toHaveLength(1);
    await receiver.stop();
  });
});
