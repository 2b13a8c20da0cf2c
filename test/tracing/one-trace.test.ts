import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { chatClient, startTestApp, type TestApp } from '../support/app.ts';
import { OtlpReceiver, type ReceivedSpan } from '../support/otlp-receiver.ts';
import { ResumingClient } from '../support/resuming-client.ts';
import { callersTrace } from '../support/trace-headers.ts';

const [SERVER, CLIENT, PRODUCER, CONSUMER] = [2, 3, 4, 5];

/** From a call on one instance to a stream on another, through PostgreSQL and JetStream. */
describe.skipIf(inject('postgresUrl') === '' || !inject('canStart').nats)('one trace', () => {
  let receiver: OtlpReceiver;
  let one: TestApp;
  let two: TestApp;
  let reader: ResumingClient;
  let roomId: string;

  beforeAll(async () => {
    receiver = await OtlpReceiver.start();
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_SERVICE_NAME: 'chat-under-test' };
    one = await startTestApp({ broker: 'jetstream', env });
    two = await startTestApp({
      databaseUrl: one.databaseUrl,
      broker: one.natsUrl as `nats://${string}`,
      env,
    });
    const client = await chatClient(one.url, { as: 1 });
    const { room } = await client.createRoom({ type: 'group', name: 'Traced', participants: [2, 3] });
    roomId = room?.id ?? '';
    reader = new ResumingClient(() => chatClient(two.url, { as: 2, clientId: 'reader' }));
  });

  afterAll(async () => {
    await reader?.close();
    await two?.stop();
    await one?.stop();
    await receiver?.stop();
  });

  async function send(traceparent: string, senderMessageId: string): Promise<string> {
    const client = await chatClient(one.url, { as: 1, headers: { traceparent } });
    const { message } = await client.sendMessage({ roomId, content: 'secret-content', senderMessageId });
    return message?.id ?? '';
  }

  test('shows a call, what it stored, its publication and its delivery on another instance', async () => {
    await reader.untilConnected();
    const { traceId, spanId, traceparent } = callersTrace();
    await send(traceparent, 'one');
    const spans = await receiver.until((all) => {
      const found = all.filter((span) => span.traceId === traceId);
      return found.some(({ name }) => name === 'deliver message') && hasEnded(found) && found;
    });
    const [call] = named(spans, 'services.chat.v1.ChatService/SendMessage');
    expect(call).toMatchObject({
      parentSpanId: spanId,
      kind: SERVER,
      error: undefined,
      attributes: {
        'rpc.system': 'connect_rpc',
        'rpc.service': 'services.chat.v1.ChatService',
        'rpc.method': 'SendMessage',
        'enduser.id': '1',
      },
      service: { 'service.name': 'chat-under-test' },
    });
    expect(call?.attributes).not.toHaveProperty('rpc.connect_rpc.error_code');
    const [store] = named(spans, 'save_message');
    expect(store).toMatchObject({
      parentSpanId: call?.spanId,
      kind: CLIENT,
      attributes: { 'db.operation.name': 'save_message' },
    });
    const [publish] = named(spans, 'publish message');
    expect(publish).toMatchObject({
      parentSpanId: store?.spanId,
      kind: PRODUCER,
      error: undefined,
      attributes: { 'messaging.destination.name': `CHAT_EVENTS.${roomId}` },
    });
    const [deliver, ...others] = named(spans, 'deliver message');
    // The sender's instance has no stream that sees it, so there is nothing to tell.
    expect(others).toEqual([]);
    expect(deliver).toMatchObject({
      parentSpanId: publish?.spanId,
      kind: CONSUMER,
      attributes: {
        'chat.streams': 1,
        'messaging.destination.name': `CHAT_EVENTS.${roomId}`,
        'messaging.message.id': publish?.attributes['messaging.message.id'],
      },
    });
    expect(call?.service['service.instance.id']).not.toBe(deliver?.service['service.instance.id']);
    // SENT goes to the sender's own streams, of which there are none.
    expect(named(spans, 'publish statusUpdate')).toMatchObject([{ parentSpanId: store?.spanId }]);
    expect(named(spans, 'deliver statusUpdate')).toEqual([]);
    for (const { startedAt, endedAt } of spans) expect(endedAt).toBeGreaterThanOrEqual(startedAt);
    expect(store?.startedAt).toBeGreaterThanOrEqual(call?.startedAt ?? 0n);
    expect(text(spans)).not.toContain('secret-content');
  });

  test('keeps the traces of sends apart that are stored, published and delivered together', async () => {
    const traces = Array.from({ length: 64 }, () => callersTrace());
    const sent = new Map(
      await Promise.all(
        traces.map(async ({ traceId, traceparent }) => [traceId, await send(traceparent, traceId)] as const),
      ),
    );
    const names = ['save_message', 'publish message', 'deliver message'];
    const spans = await receiver.until((all) => {
      const found = all.filter(({ traceId, name }) => sent.has(traceId) && names.includes(name));
      return found.length >= names.length * traces.length && found;
    });
    const eventIds = (): Map<string, string> =>
      new Map(
        reader.events.flatMap(({ eventId, event }) =>
          event.case === 'message' ? [[event.value.id, eventId]] : [],
        ),
      );
    await expect.poll(() => [...sent.values()].every((id) => eventIds().has(id))).toBe(true);
    for (const [id, messageId] of sent) {
      const [store, publish, deliver, ...more] = names.flatMap((name) =>
        named(spans, name).filter(({ traceId }) => traceId === id),
      );
      expect(more).toEqual([]);
      const attributes = { 'messaging.message.id': eventIds().get(messageId) };
      expect(publish).toMatchObject({ name: 'publish message', parentSpanId: store?.spanId, attributes });
      expect(deliver).toMatchObject({ name: 'deliver message', parentSpanId: publish?.spanId, attributes });
    }
  });

  test('goes on where a call made something else than a message', async () => {
    const { traceId, traceparent } = callersTrace();
    const client = await chatClient(one.url, { as: 1, headers: { traceparent } });
    await client.updateRoom({ id: roomId, name: 'Renamed' });
    const deliver = await receiver.until((all) =>
      named(all, 'deliver isRoomUpdated').find((span) => span.traceId === traceId),
    );
    const publish = await receiver.until((all) => all.find(({ spanId }) => spanId === deliver.parentSpanId));
    const store = await receiver.until((all) => all.find(({ spanId }) => spanId === publish.parentSpanId));
    expect([publish.name, store.name]).toEqual(['publish isRoomUpdated', 'update_room']);
  });

  test('is in no place when the caller does not keep it', async () => {
    const unsampled = callersTrace(false);
    const id = await send(unsampled.traceparent, 'unsampled');
    await expect
      .poll(() => reader.events.some(({ event }) => event.case === 'message' && event.value.id === id))
      .toBe(true);
    // What comes after it has arrived, so it would have too.
    const after = callersTrace();
    await send(after.traceparent, 'sampled');
    await receiver.until((all) =>
      named(all, 'deliver message').find(({ traceId }) => traceId === after.traceId),
    );
    expect(receiver.spans.filter(({ traceId }) => traceId === unsampled.traceId)).toEqual([]);
  });
});

function named(spans: readonly ReceivedSpan[], name: string): ReceivedSpan[] {
  return spans.filter((span) => span.name === name);
}

/** Everything about the send is there: what ends last is the call. */
function hasEnded(spans: readonly ReceivedSpan[]): boolean {
  return (
    named(spans, 'services.chat.v1.ChatService/SendMessage').length > 0 &&
    named(spans, 'publish message').length > 0 &&
    named(spans, 'publish statusUpdate').length > 0
  );
}

function text(spans: readonly ReceivedSpan[]): string {
  return JSON.stringify(spans, (_key, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
}
