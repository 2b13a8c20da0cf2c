import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  type Broker,
  type BrokerMessage,
  HistoryLostError,
  type StoredMessage,
} from '../../src/events/broker.ts';
import { directSubject, roomSubject } from '../../src/events/subjects.ts';
import { callersTrace } from '../support/trace-headers.ts';

/** A message with a random id and recognisable data. */
export function brokerMessage(subject: string, roomEvent: number, id: string = randomUUID()): BrokerMessage {
  return { id, subject, roomEvent, data: Buffer.from(`${subject} ${roomEvent}`) };
}

/** Messages 1 to `count` of a subject. */
export function brokerMessages(subject: string, count: number): BrokerMessage[] {
  return Array.from({ length: count }, (_, index) => brokerMessage(subject, index + 1));
}

/** A subject that no other test uses. */
export function freshSubject(): string {
  return roomSubject(randomUUID());
}

/** Everything of the subjects after `after`, to the present end of the history. */
export async function history(
  broker: Broker,
  subjects: readonly string[],
  after = 0,
): Promise<StoredMessage[]> {
  const { last } = await broker.state();
  const found: StoredMessage[] = [];
  for await (const batch of broker.read({ after, until: last, subjects }, AbortSignal.timeout(30_000))) {
    found.push(...batch);
  }
  return found;
}

/** The room events in the order of the history. */
export function roomEvents(messages: readonly StoredMessage[]): (number | undefined)[] {
  return messages.map((message) => message.roomEvent);
}

/** Publishes all, however many calls it takes and however long the broker is away. */
export async function publishAll(broker: Broker, messages: readonly BrokerMessage[]): Promise<void> {
  for (let sent = 0; sent < messages.length; ) {
    const stored = await broker.publish(messages.slice(sent, sent + 500), 5_000);
    if (stored === 0) await vi.waitFor(() => broker.state(), { timeout: 30_000, interval: 20 });
    sent += stored;
  }
}

/** The promises of a {@link Broker}. The history may be shared with others: each test uses subjects of its own. */
export function exerciseBroker(name: string, makeBroker: () => Promise<Broker>): void {
  describe(name, () => {
    let broker: Broker;
    beforeAll(async () => {
      broker = await makeBroker();
      await broker.start();
    });
    afterAll(() => broker.stop());

    test('keeps what was published, in order, as it was', async () => {
      const subject = freshSubject();
      const messages = brokerMessages(subject, 700);
      const { last } = await broker.state();
      expect(await broker.publish(messages, 5_000)).toBe(700);
      const found = await history(broker, [subject], last);
      expect(found.map((message) => Buffer.from(message.data).toString())).toEqual(
        messages.map((message) => Buffer.from(message.data).toString()),
      );
      expect(roomEvents(found)).toEqual(messages.map((message) => message.roomEvent));
      expect(found.every((message) => message.subject === subject)).toBe(true);
      const sequences = found.map((message) => message.sequence);
      expect(sequences).toEqual([...new Set(sequences)].sort((a, b) => a - b));
      expect(sequences[0]).toBeGreaterThan(last);
    });

    test('hands on when an event was committed and to which trace it belongs, live and from the history', async () => {
      const subject = freshSubject();
      const live: StoredMessage[] = [];
      await broker.follow({
        messages: (batch) => live.push(...batch.filter((message) => message.subject === subject)),
        reset: () => expect.unreachable(),
      });
      const { traceparent } = callersTrace();
      await publishAll(broker, [
        { ...brokerMessage(subject, 1), committedAt: 1_234_567, traceContext: traceparent },
        brokerMessage(subject, 2),
      ]);
      await vi.waitFor(() => expect(live.length).toBe(2), 10_000);
      for (const found of [live, await history(broker, [subject])]) {
        expect(found.map(({ committedAt, traceContext }) => [committedAt, traceContext])).toEqual([
          [1_234_567, traceparent],
          [undefined, undefined],
        ]);
      }
    });

    test('stores a message with the same id once, and what follows it', async () => {
      const subject = freshSubject();
      const [first, second, third] = [1, 2, 3].map((number) => brokerMessage(subject, number));
      if (first === undefined || second === undefined || third === undefined) throw new Error();
      expect(await broker.publish([first, second], 5_000)).toBe(2);
      expect(await broker.publish([first, second, third], 5_000)).toBe(3);
      expect(await broker.publish([second], 5_000)).toBe(1);
      expect(roomEvents(await history(broker, [subject]))).toEqual([1, 2, 3]);
    });

    test('publishes nothing', async () => {
      expect(await broker.publish([], 5_000)).toBe(0);
    });

    test('reads only the subjects asked for, up to a point', async () => {
      const [mine, other, direct] = [
        freshSubject(),
        freshSubject(),
        directSubject(Math.floor(Math.random() * 1e9)),
      ];
      const { last: after } = await broker.state();
      await publishAll(broker, [brokerMessage(mine, 1), brokerMessage(other, 1), brokerMessage(direct, 9)]);
      await publishAll(broker, [brokerMessage(mine, 2)]);
      const { last: until } = await broker.state();
      await publishAll(broker, [brokerMessage(mine, 3)]);
      const found: StoredMessage[] = [];
      const options = { after, until, subjects: [mine, direct, mine] };
      for await (const batch of broker.read(options, AbortSignal.timeout(10_000))) found.push(...batch);
      expect(found.map((message) => [message.subject, message.roomEvent])).toEqual([
        [mine, 1],
        [direct, 9],
        [mine, 2],
      ]);
    });

    test('ends at the given point when nothing of the subjects lies there', async () => {
      const subject = freshSubject();
      await publishAll(broker, brokerMessages(subject, 2));
      await publishAll(broker, brokerMessages(freshSubject(), 5));
      expect(roomEvents(await history(broker, [subject]))).toEqual([1, 2]);
      expect(await history(broker, [freshSubject()])).toEqual([]);
      expect(await history(broker, [])).toEqual([]);
    });

    test('reads thousands of subjects at once', async () => {
      const subjects = Array.from({ length: 5_000 }, freshSubject);
      const { last: after } = await broker.state();
      const published = subjects
        .filter((_, index) => index % 10 === 0)
        .map((subject) => brokerMessage(subject, 1));
      await publishAll(broker, published);
      await publishAll(broker, brokerMessages(freshSubject(), 10));
      const found = await history(broker, subjects, after);
      expect(found.map((message) => message.subject)).toEqual(published.map((message) => message.subject));
      expect(await broker.holdsAllAfter(after, subjects)).toBe(true);
    });

    test('follows without an end, and ends silently', async () => {
      const subject = freshSubject();
      const { last: after } = await broker.state();
      await publishAll(broker, [brokerMessage(subject, 1)]);
      const stop = new AbortController();
      const found: StoredMessage[] = [];
      const reading = (async () => {
        for await (const batch of broker.read({ after, subjects: [subject] }, stop.signal))
          found.push(...batch);
      })();
      await vi.waitFor(() => expect(roomEvents(found)).toEqual([1]), 10_000);
      await publishAll(broker, [brokerMessage(subject, 2)]);
      await publishAll(broker, [brokerMessage(subject, 3)]);
      await vi.waitFor(() => expect(roomEvents(found)).toEqual([1, 2, 3]), 10_000);
      stop.abort();
      await reading;
      await publishAll(broker, [brokerMessage(subject, 4)]);
      expect(roomEvents(found)).toEqual([1, 2, 3]);
    });

    test('refuses to read behind the end of the history', async () => {
      const { last } = await broker.state();
      const after = last + 1_000_000;
      const options = { after, until: after, subjects: [freshSubject()] };
      const reading = broker.read(options, AbortSignal.timeout(10_000))[Symbol.asyncIterator]().next();
      await expect(reading).rejects.toThrow(HistoryLostError);
    });

    test('hands everything that follows to the follower, once and in order', async () => {
      const [one, two] = [freshSubject(), freshSubject()];
      const found: StoredMessage[] = [];
      await publishAll(broker, [brokerMessage(one, 1)]);
      const state = await broker.follow({
        messages: (batch) => found.push(...batch.filter(({ subject }) => subject === one || subject === two)),
        reset: () => expect.unreachable(),
      });
      expect(state).toEqual(expect.objectContaining({ epoch: (await broker.state()).epoch }));
      const messages = Array.from({ length: 600 }, (_, index) =>
        brokerMessage(index % 3 === 0 ? one : two, index),
      );
      await publishAll(broker, messages);
      await vi.waitFor(() => expect(found.length).toBe(600), 10_000);
      expect(roomEvents(found)).toEqual(messages.map((message) => message.roomEvent));
      const sequences = found.map((message) => message.sequence);
      expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
      expect(sequences[0]).toBeGreaterThan(state.last);
    });

    test('knows the newest room event of a subject', async () => {
      const subject = freshSubject();
      expect(await broker.lastRoomEvent(subject)).toBeUndefined();
      await publishAll(broker, [
        brokerMessage(subject, 41),
        brokerMessage(subject, 42),
        brokerMessage(freshSubject(), 1),
      ]);
      expect(await broker.lastRoomEvent(subject)).toBe(42);
    });

    test('knows when a busy subject has lost messages', async () => {
      const [quiet, busy] = [freshSubject(), freshSubject()];
      await publishAll(broker, [brokerMessage(quiet, 1)]);
      const { last: after } = await broker.state();
      await publishAll(broker, brokerMessages(quiet, 3));
      await publishAll(broker, brokerMessages(busy, 900));
      expect(await broker.holdsAllAfter(after, [quiet, busy])).toBe(true);
      await publishAll(broker, brokerMessages(busy, 150));
      const many = Array.from({ length: 300 }, freshSubject);
      expect(await broker.holdsAllAfter(after, [quiet])).toBe(true);
      expect(await broker.holdsAllAfter(after, [...many, quiet])).toBe(true);
      expect(await broker.holdsAllAfter(after, [quiet, busy])).toBe(false);
      expect(await broker.holdsAllAfter(after, [...many, busy])).toBe(false);
      const held = await history(broker, [busy], after);
      expect(held.length).toBe(1_000);
      expect(await broker.holdsAllAfter(held[0]?.sequence ?? 0, [quiet, busy])).toBe(true);
    });

    test('broadcasts to every listener, at most once, until it leaves', async () => {
      const heard: string[] = [];
      const word = randomUUID();
      const listen = (who: string) => (data: Uint8Array) => {
        if (Buffer.from(data).toString().startsWith(word))
          heard.push(`${who} ${Buffer.from(data).toString().at(-1)}`);
      };
      const leave = broker.onBroadcast('CHAT_TYPING', listen('one'));
      broker.onBroadcast('CHAT_TYPING', listen('two'));
      broker.onBroadcast('CHAT_WAKE', listen('three'));
      broker.broadcast('CHAT_TYPING', Buffer.from(`${word} 1`));
      await vi.waitFor(() => expect(heard).toEqual(['one 1', 'two 1']), 10_000);
      leave();
      broker.broadcast('CHAT_TYPING', Buffer.from(`${word} 2`));
      await vi.waitFor(() => expect(heard).toEqual(['one 1', 'two 1', 'two 2']), 10_000);
    });

    test('is healthy until it is stopped, and can be stopped twice', async () => {
      const another = await makeBroker();
      await another.start();
      expect(await another.health()).toBeUndefined();
      await another.stop();
      await another.stop();
      expect(await another.publish([brokerMessage(freshSubject(), 1)], 1_000)).toBe(0);
      expect(await another.health()).toEqual(expect.any(String));
      const unused = await makeBroker();
      await unused.stop();
      await unused.start();
    });
  });
}
