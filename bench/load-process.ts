/**
 * A process of its own that makes the load, so that it does not use the servers' event loop.
 * Gets one job from its parent and reports events back: see `LoadJob` and `LoadEvent`.
 */
import { randomUUID } from 'node:crypto';
import { create, fromBinary, toBinary, toJsonString } from '@bufbuild/protobuf';
import { MessageEventSchema, SendMessageRequestSchema } from '../src/gen/services/chat/v1/types_pb.ts';
import { openStream, type Protocol, type StreamClient, unaryClient } from './clients.ts';
import { closedLoop } from './load.ts';
import {
  type CallJob,
  type LatencyJob,
  type LoadEvent,
  type LoadJob,
  METHODS,
  type Place,
  type SendJob,
  type StreamsJob,
} from './load-protocol.ts';
import { quantile } from './report.ts';

/** Of one connection attempt after the other, as many are made at once. */
const OPENING_AT_ONCE = 100;

process.once('message', (job: LoadJob) => {
  run(job).catch((error: unknown) => report({ kind: 'failed', text: String(error) }));
});

async function run(job: LoadJob): Promise<void> {
  switch (job.kind) {
    case 'call':
      return await runCalls(job);
    case 'send':
      return await runSends(job);
    case 'streams':
      return await runStreams(job);
    case 'latency':
      return await runLatency(job);
  }
}

/** Repeats one call. */
async function runCalls(job: CallJob): Promise<void> {
  const clients = Array.from({ length: job.callers }, () => unaryClient(job.protocol, originOf(job.port)));
  const body = Buffer.from(job.body, 'base64');
  const result = await closedLoop(job, async (caller) => {
    await clients[caller]?.call(job.method, job.identity, body);
  });
  for (const client of clients) client.close();
  report({ kind: 'load', result });
}

/** Sends messages, each caller as a user of its own, over the rooms in turn. */
async function runSends(job: SendJob): Promise<void> {
  const clients = Array.from({ length: job.callers }, () => unaryClient(job.protocol, originOf(job.port)));
  let turn = 0;
  const result = await closedLoop(job, async (caller) => {
    const place = job.places[turn++ % job.places.length];
    if (place === undefined) throw new Error('a send job needs places');
    const body = sendRequest(job.protocol, place);
    await clients[caller]?.call(METHODS.send, place.identity, body);
  });
  for (const client of clients) client.close();
  report({ kind: 'load', result });
}

/** Opens streams, reports when all are open, and counts what they deliver. */
async function runStreams(job: StreamsJob): Promise<void> {
  let delivered = 0;
  let firstAt = 0;
  const onEnvelope = (envelope: Buffer): void => {
    delivered += 1;
    if (delivered === 1) firstAt = performance.now();
    if (delivered !== job.deliveries) return;
    report({
      kind: 'delivered',
      milliseconds: performance.now() - firstAt,
      sample: envelope.toString('base64'),
    });
  };
  const streams: StreamClient[] = [];
  for (let from = 0; from < job.identities.length; from += OPENING_AT_ONCE) {
    const batch = job.identities.slice(from, from + OPENING_AT_ONCE).map((identity) =>
      openStream({
        ...{ protocol: job.protocol, origin: originOf(job.port), path: job.path },
        ...{ identity, onEnvelope },
      }),
    );
    await Promise.all(batch.map((stream) => stream.opened));
    streams.push(...batch);
  }
  report({ kind: 'open', streams: streams.length });
}

/** Sends at a fixed rate and measures when the messages arrive on another user's stream. */
async function runLatency(job: LatencyJob): Promise<void> {
  const sentAt = new Map<string, number>();
  const latencies: number[] = [];
  const total = job.perSecond * job.seconds;
  const { promise: allArrived, resolve } = Promise.withResolvers<void>();
  const onEnvelope = (envelope: Buffer): void => {
    const arrivedAt = performance.now();
    const { event } = fromBinary(MessageEventSchema, envelope.subarray(5));
    if (event.case !== 'message') return;
    const start = sentAt.get(event.value.senderMessageId ?? '');
    if (start !== undefined) latencies.push(arrivedAt - start);
    if (latencies.length === total) resolve();
  };
  const stream = openStream({
    ...{ protocol: 'h2', origin: originOf(job.port), path: METHODS.stream },
    ...{ identity: job.reader, onEnvelope },
  });
  await stream.opened;
  const clients = Array.from({ length: 8 }, () => unaryClient('h2', originOf(job.port)));
  const send = async (index: number): Promise<void> => {
    const id = randomUUID();
    const body = sendRequest('h2', job.from, id);
    sentAt.set(id, performance.now());
    await clients[index % clients.length]?.call(METHODS.send, job.from.identity, body);
  };
  await atRate(job.perSecond, total, send);
  await Promise.race([allArrived, new Promise((done) => setTimeout(done, 10_000))]);
  stream.close();
  for (const client of clients) client.close();
  report({
    kind: 'latency',
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    missing: total - latencies.length,
  });
}

/** Starts `total` calls at `perSecond`, whether or not the earlier ones were answered. */
async function atRate(
  perSecond: number,
  total: number,
  call: (index: number) => Promise<void>,
): Promise<void> {
  const calls: Promise<void>[] = [];
  const from = performance.now();
  while (calls.length < total) {
    const due = Math.min(total, Math.floor(((performance.now() - from) * perSecond) / 1000) + 1);
    while (calls.length < due) calls.push(call(calls.length));
    await new Promise((done) => setTimeout(done, 1));
  }
  await Promise.all(calls);
}

function sendRequest(protocol: Protocol, place: Place, senderMessageId: string = randomUUID()): Uint8Array {
  const { roomId, content } = place;
  const request = create(SendMessageRequestSchema, { roomId, content, senderMessageId });
  if (protocol === 'h1-json') return Buffer.from(toJsonString(SendMessageRequestSchema, request));
  return toBinary(SendMessageRequestSchema, request);
}

function originOf(port: number): string {
  return `http://127.0.0.1:${port}`;
}

function report(event: LoadEvent): void {
  process.send?.(event);
}
