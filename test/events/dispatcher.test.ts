import { randomUUID } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import pino from 'pino';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Broker } from '../../src/events/broker.ts';
import { decodeWrapper, MAX_WRAPPER_BYTES } from '../../src/events/codec.ts';
import { createDispatcher, type Dispatcher, type DispatcherDeps } from '../../src/events/dispatcher.ts';
import { createMemoryBroker } from '../../src/events/memory-broker.ts';
import { directSubject, roomSubject } from '../../src/events/subjects.ts';
import { MessageEventSchema } from '../../src/gen/services/chat/v1/types_pb.ts';
import { history, roomEvents } from '../contract/broker.ts';
import { MemoryOutbox, outboxEvent } from '../support/memory-outbox.ts';

const started: Dispatcher[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((dispatcher) => dispatcher.stop()));
});

async function startDispatcher(
  deps: Omit<DispatcherDeps, 'logger'> & Partial<DispatcherDeps>,
): Promise<Dispatcher> {
  // Only hints may wake it, unless a test says otherwise.
  const dispatcher = createDispatcher({
    logger: pino({ level: 'silent' }),
    pollMs: 60_000,
    standbyMs: 20,
    ...deps,
  });
  started.push(dispatcher);
  await dispatcher.start();
  return dispatcher;
}

/** Stops the dispatcher as soon as the outbox is empty. */
async function drained(outbox: MemoryOutbox): Promise<void> {
  await vi.waitFor(() => expect(outbox.size).toBe(0), { timeout: 20_000, interval: 5 });
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

describe('dispatcher', () => {
  test('publishes what is committed, in order, and forgets it', async () => {
    const [outbox, broker, room] = [new MemoryOutbox(), createMemoryBroker(), randomUUID()];
    const process = outbox.process();
    process.commit(...numbers(300).map((number) => [outboxEvent(room, number)]));
    const dispatcher = await startDispatcher({ outbox: process, broker });
    await drained(outbox);
    process.commit([outboxEvent(room, 301), outboxEvent(room, 302)]);
    await drained(outbox);
    const found = await history(broker, [roomSubject(room)]);
    expect(roomEvents(found)).toEqual(numbers(302));
    expect(decodeWrapper(found[7]?.data ?? new Uint8Array())?.event.event.value).toBe('8');
    expect(dispatcher.stats()).toEqual({ active: true, published: 302, dropped: 0 });
  });

  test('finds by itself what no hint told of', async () => {
    const [outbox, broker, room] = [new MemoryOutbox(), createMemoryBroker(), randomUUID()];
    await startDispatcher({ outbox: outbox.process(), broker, pollMs: 10 });
    outbox.process().commit([outboxEvent(room, 1)]);
    await drained(outbox);
  });

  test('is woken by the commit of another process', async () => {
    const [outbox, broker, room] = [new MemoryOutbox(), createMemoryBroker(), randomUUID()];
    const other = outbox.process();
    await startDispatcher({ outbox: outbox.process(), broker });
    await vi.waitFor(() => expect(outbox.held).toBe(true));
    const standby = await startDispatcher({ outbox: other, broker });
    for (const number of numbers(20)) {
      other.commit([outboxEvent(room, number)]);
      await drained(outbox);
    }
    expect(standby.stats().active).toBe(false);
    expect(roomEvents(await history(broker, [roomSubject(room)]))).toEqual(numbers(20));
  });

  test('another takes over when the right is lost or given back', async () => {
    const [outbox, broker, room] = [new MemoryOutbox(), createMemoryBroker(), randomUUID()];
    const [one, two] = [outbox.process(), outbox.process()];
    const first = await startDispatcher({ outbox: one, broker, pollMs: 20 });
    await vi.waitFor(() => expect(first.stats().active).toBe(true));
    const second = await startDispatcher({ outbox: two, broker, pollMs: 20 });
    outbox.revoke();
    await vi.waitFor(() => expect(first.stats().active).toBe(false));
    one.commit([outboxEvent(room, 1)]);
    await drained(outbox);
    await first.stop();
    await vi.waitFor(() => expect(second.stats().active).toBe(true));
    two.commit([outboxEvent(room, 2)]);
    await drained(outbox);
    expect(roomEvents(await history(broker, [roomSubject(room)]))).toEqual([1, 2]);
  });

  test('stopping publishes what is left and then gives the right back', async () => {
    const [outbox, broker, room] = [new MemoryOutbox(), createMemoryBroker(), randomUUID()];
    const process = outbox.process();
    const dispatcher = await startDispatcher({ outbox: process, broker, batch: 7 });
    await vi.waitFor(() => expect(dispatcher.stats().active).toBe(true));
    process.commit(...numbers(100).map((number) => [outboxEvent(room, number)]));
    await dispatcher.stop();
    await dispatcher.stop();
    expect(outbox.size).toBe(0);
    expect(outbox.held).toBe(false);
    expect(roomEvents(await history(broker, [roomSubject(room)]))).toEqual(numbers(100));
  });

  test('another takes over as soon as one that stops has let go, however long it would stand by', async () => {
    const [outbox, broker] = [new MemoryOutbox(), createMemoryBroker()];
    const one = await startDispatcher({ outbox: outbox.process(), broker });
    await vi.waitFor(() => expect(one.stats().active).toBe(true));
    const two = await startDispatcher({ outbox: outbox.process(), broker, standbyMs: 3_600_000 });
    await one.stop();
    await vi.waitFor(() => expect(two.stats().active).toBe(true));
  });

  test('stopping gives up at the deadline and loses nothing', async () => {
    const [outbox, room] = [new MemoryOutbox(), randomUUID()];
    const process = outbox.process();
    const dispatcher = await startDispatcher({
      outbox: process,
      broker: refusing(createMemoryBroker(), () => 0),
    });
    await vi.waitFor(() => expect(dispatcher.stats().active).toBe(true));
    process.commit([outboxEvent(room, 1)]);
    await dispatcher.stop(AbortSignal.timeout(50));
    expect(outbox.size).toBe(1);
    await vi.waitFor(() => expect(outbox.held).toBe(false));
  });

  test('may be stopped before it was started', async () => {
    const outbox = new MemoryOutbox();
    const dispatcher = createDispatcher({
      outbox: outbox.process(),
      broker: createMemoryBroker(),
      logger: pino({ level: 'silent' }),
    });
    await dispatcher.stop();
    await dispatcher.start();
    expect(outbox.held).toBe(false);
  });

  test('an event that can not be encoded, or read, does not hold up the others', async () => {
    const [outbox, broker, room] = [new MemoryOutbox(), createMemoryBroker(), randomUUID()];
    const errors: string[] = [];
    const logger = pino({ level: 'error' }, { write: (line) => void errors.push(line) });
    const process = outbox.process();
    const value = 'x'.repeat(MAX_WRAPPER_BYTES);
    const event = create(MessageEventSchema, { event: { case: 'deleteMessage', value } });
    const huge = { ...outboxEvent(room, 2), event };
    process.commit([outboxEvent(room, 1)], [huge, outboxEvent(room, 3)], [], [outboxEvent(room, 4)]);
    const dispatcher = await startDispatcher({ outbox: process, broker, logger });
    await drained(outbox);
    expect(roomEvents(await history(broker, [roomSubject(room)]))).toEqual([1, 3, 4]);
    expect(dispatcher.stats()).toEqual({ active: true, published: 3, dropped: 2 });
    expect(errors).toHaveLength(2);
    expect(errors.join()).not.toContain('xxxx');
  });

  test('what was published long ago and not removed is not published again', async () => {
    let now = 0;
    const [outbox, broker, room] = [new MemoryOutbox(), createMemoryBroker({ now: () => now }), randomUUID()];
    const process = outbox.process();
    const entries = [[outboxEvent(room, 1), outboxEvent(room, 2)], [outboxEvent(room, 3)]];
    const join = { ...outboxEvent(room, 1), subject: directSubject(5) };
    process.commit(...entries, [join]);
    let broken = true;
    const forgetful = {
      ...process,
      remove: async (ids: readonly number[]) => {
        if (broken) throw new Error('the database is away');
        await process.remove(ids);
      },
    };
    const first = await startDispatcher({ outbox: forgetful, broker });
    await vi.waitFor(() => expect(first.stats().published).toBeGreaterThan(0));
    await first.stop(AbortSignal.timeout(10));
    await vi.waitFor(() => expect(outbox.held).toBe(false));
    now = 200_000;
    broken = false;
    process.commit([outboxEvent(room, 4)]);
    await startDispatcher({ outbox: forgetful, broker });
    await drained(outbox);
    expect(roomEvents(await history(broker, [roomSubject(room)]))).toEqual([1, 2, 3, 4]);
  });
});

/** A broker that stores all, or only some, but tells of `tell` messages only. */
function refusing(broker: Broker, tell: (count: number) => number): Broker {
  const publish: Broker['publish'] = async (messages, timeoutMs) => {
    const told = tell(messages.length);
    // Odd answers: what is not told of was stored all the same, as with a lost acknowledgement.
    const stored = told % 2 === 1 ? messages.length : told;
    await broker.publish(messages.slice(0, stored), timeoutMs);
    return told;
  };
  return new Proxy(broker, {
    get: (target, key) => {
      if (key === 'publish') return publish;
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

test('whatever the broker loses, refuses or stores without telling: each event is there once and in order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(9), { maxLength: 12 }),
      fc.integer({ min: 1, max: 9 }),
      async (answers, batch) => {
        const [outbox, broker, room] = [new MemoryOutbox(), createMemoryBroker(), randomUUID()];
        const process = outbox.process();
        const failures = [...answers];
        const unreliable = refusing(broker, (count) => Math.min(count, failures.shift() ?? count));
        process.commit(
          ...numbers(20).map((number) => [outboxEvent(room, 2 * number - 1), outboxEvent(room, 2 * number)]),
        );
        const dispatcher = await startDispatcher({ outbox: process, broker: unreliable, batch });
        await drained(outbox);
        await dispatcher.stop();
        expect(roomEvents(await history(broker, [roomSubject(room)]))).toEqual(numbers(40));
      },
    ),
    { numRuns: 15 },
  );
});
