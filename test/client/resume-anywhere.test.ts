import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, createRouterTransport, type HandlerContext } from '@connectrpc/connect';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createChatClient } from '../../src/client/client.ts';
import { ChatService } from '../../src/gen/services/chat/v1/service_pb.ts';
import { type MessageEvent, MessageEventSchema } from '../../src/gen/services/chat/v1/types_pb.ts';
import { Reader } from './reader.ts';

const ROOM = 'room';

/** What becomes of one connection. */
interface Connection {
  /** Events that happen before it opens, and after its first heartbeat. */
  readonly before: number;
  readonly during: number;
  /** After so many of its events it ends. */
  readonly cutAfter: number;
  readonly how: 'refused' | 'error' | 'shutting_down' | 'overflow' | 'end';
  /** Events right before the cursor that come again. */
  readonly repeated: number;
  readonly heartbeats: boolean;
  /** The service no longer has what happened before. */
  readonly forgets: boolean;
}

function connections(forgets: fc.Arbitrary<boolean>): fc.Arbitrary<Connection[]> {
  const one = fc.record({
    before: fc.nat(6),
    during: fc.nat(6),
    cutAfter: fc.nat(8),
    how: fc.constantFrom('refused', 'error', 'shutting_down', 'overflow', 'end'),
    repeated: fc.nat(3),
    heartbeats: fc.boolean(),
    forgets,
  });
  return fc.array(one, { maxLength: 12 });
}

const inboxes = fc.integer({ min: 1, max: 6 });
const LONG = { timeout: 120_000 };

test('wherever connections are cut, each event is told once, in order', LONG, async () => {
  await fc.assert(
    fc.asyncProperty(connections(fc.constant(false)), inboxes, async (script, maxWaitingEvents) => {
      const { reader, published } = await follow(script, maxWaitingEvents);
      expect(reader.sequences(ROOM)).toEqual(Array.from({ length: published }, (_, index) => index + 1));
      expect(reader.resyncs).toEqual([]);
    }),
  );
});

test('what the service has forgotten is missing only behind a resync', LONG, async () => {
  await fc.assert(
    fc.asyncProperty(connections(fc.boolean()), inboxes, async (script, maxWaitingEvents) => {
      const { reader } = await follow(script, maxWaitingEvents);
      let last = 0;
      let mayMiss = false;
      for (const one of reader.all) {
        if (one.type === 'resync') mayMiss = true;
        if (one.type !== 'event' || one.event.event.case !== 'message') continue;
        const { sequence } = one.event.event.value;
        if (mayMiss) expect(sequence).toBeGreaterThan(last);
        else expect(sequence).toBe(last + 1);
        last = sequence;
        mayMiss = false;
      }
    }),
  );
});

test('a hole in the numbers of a room is told before the event behind it', async () => {
  const service = new FakeService([]);
  service.publish(2);
  const reader = await new Reader(service.client().events({ cursor: '0' })).untilOnline();
  service.lose();
  service.publish(1);
  await expect.poll(() => reader.sequences(ROOM)).toEqual([1, 2, 4]);
  const told = reader.all.flatMap((one) =>
    one.type === 'status' ? [] : [one.type === 'resync' ? one.reason : one.type],
  );
  expect(told).toEqual(['event', 'event', 'gap', 'event']);
  await reader.close();
});

/** Reads until the script is over and the last event has come. */
async function follow(script: readonly Connection[], maxWaitingEvents: number) {
  const service = new FakeService(script);
  const turn = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve));
  const reader = new Reader(service.client(maxWaitingEvents).events({ cursor: '0' }), turn);
  await expect.poll(() => service.isQuiet, { interval: 2 }).toBe(true);
  service.publish(1);
  await expect.poll(() => reader.sequences(ROOM).at(-1), { interval: 2 }).toBe(service.published);
  await reader.close();
  return { reader, published: service.published };
}

/** One room behind the stream of the contract; cursors count events. */
class FakeService {
  readonly #script: Connection[];
  readonly #events: MessageEvent[] = [];
  #sequence = 0;
  #forgotten = 0;
  #changed = Promise.withResolvers<void>();
  /** The script is over, and a connection is open that stays. */
  isQuiet = false;

  constructor(script: readonly Connection[]) {
    this.#script = [...script];
  }

  client(maxWaitingEvents = 100) {
    const transport = createRouterTransport(({ service }) => {
      service(ChatService, { streamMessages: ({ cursor = '' }, context) => this.#stream(cursor, context) });
    });
    return createChatClient({
      baseUrl: 'http://service.test',
      transport,
      token: 'token',
      clientId: 'client',
      backoff: { baseMs: 0 },
      maxWaitingEvents,
    });
  }

  get published(): number {
    return this.#sequence;
  }

  publish(count: number): void {
    for (let one = 0; one < count; one += 1) {
      this.#sequence += 1;
      const cursor = String(this.#events.length + 1);
      const value = { roomId: ROOM, sequence: this.#sequence };
      const event = {
        event: { case: 'message' as const, value },
        roomId: ROOM,
        cursor,
        eventId: `e${cursor}`,
      };
      this.#events.push(create(MessageEventSchema, event));
    }
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** A message that is stored, and nobody is told of it. */
  lose(): void {
    this.#sequence += 1;
  }

  async *#stream(cursor: string, { signal }: HandlerContext): AsyncGenerator<MessageEvent> {
    const fate = this.#script.shift();
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    if (fate !== undefined) this.publish(fate.before);
    if (fate?.how === 'refused') throw new ConnectError('down', Code.Unavailable);
    if (fate?.forgets === true) this.#forgotten = this.#events.length;
    let next = Math.max(this.#forgotten, Number(cursor) - (fate?.repeated ?? 0));
    if (Number(cursor) < this.#forgotten) {
      yield create(MessageEventSchema, {
        event: { case: 'resyncRequired', value: { reason: 'cursor_expired' } },
      });
      // What was passed over does not come later either.
      this.#forgotten = this.#events.length;
      next = this.#events.length;
    }
    yield heartbeat(Math.max(next, Number(cursor)));
    if (fate !== undefined) this.publish(fate.during);
    for (let told = 0; !signal.aborted; ) {
      for (; next < this.#events.length && told !== fate?.cutAfter; next += 1) {
        const event = this.#events[next];
        if (event !== undefined) yield event;
        told += 1;
        if (fate?.heartbeats === true && next >= Number(cursor)) yield heartbeat(next + 1);
      }
      if (fate !== undefined) return end(fate);
      this.isQuiet = true;
      await Promise.race([this.#changed.promise, aborted]);
    }
  }
}

function heartbeat(position: number): MessageEvent {
  return create(MessageEventSchema, { event: { case: 'connected', value: true }, cursor: String(position) });
}

function end({ how }: Connection): void {
  if (how === 'error') throw new ConnectError('gone', Code.Unavailable);
  if (how === 'shutting_down') throw new ConnectError('shutting_down', Code.Unavailable);
  if (how === 'overflow') throw new ConnectError('stream_overflow', Code.ResourceExhausted);
}
