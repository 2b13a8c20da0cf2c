import { randomUUID } from 'node:crypto';
import pino from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Broker } from '../../src/events/broker.ts';
import { createMemoryBroker } from '../../src/events/memory-broker.ts';
import type { OutboxEntry } from '../../src/events/outbox.ts';
import { OutboxPublisher } from '../../src/events/outbox-publisher.ts';
import { startTracing, type TracingService } from '../../src/tracing/start-tracing.ts';
import { outboxEvent } from '../support/memory-outbox.ts';
import { OtlpReceiver } from '../support/otlp-receiver.ts';
import { callersTrace } from '../support/trace-headers.ts';

const logger = pino({ level: 'silent' });
let receiver: OtlpReceiver;
let service: TracingService | undefined;

beforeAll(async () => {
  receiver = await OtlpReceiver.start();
  service = await startTracing({ endpoint: receiver.url, serviceName: 's', sampleRatio: 1 }, '1', logger);
});
afterAll(async () => {
  await service?.stop();
  await receiver.stop();
});

/** Publishes the events of one entry, and answers what the broker then has of their room. */
async function publish(
  broker: Broker,
  tracing: TracingService['tracing'] | undefined,
  contexts: readonly (string | undefined)[],
): Promise<(string | undefined)[]> {
  const room = randomUUID();
  const events = contexts.map((traceContext, index) => ({ ...outboxEvent(room, index + 1), traceContext }));
  const entry: OutboxEntry = { id: 1, createdAt: Date.now(), events };
  const publisher = new OutboxPublisher({ broker, logger, oldAfterMs: 60_000, hooks: {}, tracing });
  await publisher.publish([entry], false, () => true);
  const { last: until } = await broker.state();
  const subjects = events.map(({ subject }) => subject);
  const found: (string | undefined)[] = [];
  for await (const batch of broker.read({ after: 0, until, subjects }, AbortSignal.timeout(10_000))) {
    found.push(...batch.map((message) => message.traceContext));
  }
  return found;
}

test('an event goes on under the span of its publication', async () => {
  const { traceId, spanId, traceparent } = callersTrace();
  const [found, untraced] = await publish(createMemoryBroker(), service?.tracing, [traceparent, undefined]);
  const [span] = await receiver.trace(traceId, 1);
  expect(span).toMatchObject({ name: 'publish deleteMessage', parentSpanId: spanId, error: undefined });
  expect(found).toBe(`00-${traceId}-${span?.spanId}-01`);
  expect(untraced).toBeUndefined();
});

test('what the broker does not acknowledge is a failed publication', async () => {
  const { traceId, traceparent } = callersTrace();
  const broker = createMemoryBroker();
  await broker.stop();
  await expect(publish(broker, service?.tracing, [traceparent])).rejects.toThrow('history');
  expect(await receiver.trace(traceId, 1)).toMatchObject([{ error: 'not_acknowledged' }]);
});

test('what nobody keeps or can read goes on as it is, without a span', async () => {
  const { traceparent } = callersTrace(false);
  const before = receiver.requests;
  const contexts = ['nonsense', traceparent];
  expect(await publish(createMemoryBroker(), service?.tracing, contexts)).toEqual(contexts);
  const { traceId, traceparent: next } = callersTrace();
  await publish(createMemoryBroker(), service?.tracing, [next]);
  await receiver.trace(traceId, 1);
  expect(receiver.requests).toBe(before + 1);
  expect(receiver.spans.filter(({ name }) => name.startsWith('publish')).at(-1)?.traceId).toBe(traceId);
});

test('an instance that traces nothing itself hands on what others trace', async () => {
  const { traceparent } = callersTrace();
  expect(await publish(createMemoryBroker(), undefined, [traceparent])).toEqual([traceparent]);
});
