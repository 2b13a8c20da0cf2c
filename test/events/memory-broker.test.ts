import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Broker, StoredMessage } from '../../src/events/broker.ts';
import { createMemoryBroker } from '../../src/events/memory-broker.ts';
import {
  brokerMessage,
  brokerMessages,
  exerciseBroker,
  freshSubject,
  history,
  roomEvents,
} from '../contract/broker.ts';

exerciseBroker('memory broker', async () => createMemoryBroker());

const DAY_MS = 24 * 3_600_000;

describe('limits of the memory broker', () => {
  test('events live for seven days', async () => {
    let now = 0;
    const broker = createMemoryBroker({ now: () => now });
    const subject = freshSubject();
    await broker.publish([brokerMessage(subject, 1)], 1_000);
    now = 4 * DAY_MS;
    await broker.publish([brokerMessage(subject, 2)], 1_000);
    now = 7 * DAY_MS + 1;
    expect(roomEvents(await history(broker, [subject]))).toEqual([2]);
    expect(await broker.state()).toEqual(expect.objectContaining({ first: 2, last: 2 }));
    expect(await broker.holdsAllAfter(0, [subject])).toBe(false);
    expect(await broker.holdsAllAfter(1, [subject])).toBe(true);
    now = 12 * DAY_MS;
    expect(await broker.state()).toEqual(expect.objectContaining({ first: 3, last: 2 }));
  });

  test('an id is known for two minutes', async () => {
    let now = 0;
    const broker = createMemoryBroker({ now: () => now });
    const subject = freshSubject();
    const message = brokerMessage(subject, 1);
    for (const at of [0, 119_000, 121_000]) {
      now = at;
      expect(await broker.publish([message], 1_000)).toBe(1);
    }
    expect(roomEvents(await history(broker, [subject]))).toEqual([1, 1]);
  });

  test('there is a limit over all subjects', async () => {
    const broker = createMemoryBroker({ maxMessages: 10 });
    const [one, two] = [freshSubject(), freshSubject()];
    await broker.publish([...brokerMessages(one, 5), ...brokerMessages(two, 8)], 1_000);
    expect(roomEvents(await history(broker, [one]))).toEqual([4, 5]);
    expect(await broker.holdsAllAfter(2, [one])).toBe(false);
    expect(await broker.holdsAllAfter(3, [one])).toBe(true);
  });
});

/** Publishes as an unreliable network would let it: the given calls, each with repeats of what went before. */
async function publishChaotically(broker: Broker, calls: readonly (readonly string[])[]): Promise<void> {
  for (const ids of calls) {
    await broker.publish(
      ids.map((id) => brokerMessage(`CHAT_EVENTS.${id.charCodeAt(0) % 3}`, Number(id.slice(1)), id)),
      1_000,
    );
  }
}

test('whatever is published and repeated, the history holds each message once, in the order of its first arrival', async () => {
  const id = fc
    .tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.nat(30))
    .map(([letter, number]) => `${letter}${number}`);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(id, { maxLength: 12 }), { maxLength: 20 }), async (calls) => {
      const broker = createMemoryBroker();
      const live: StoredMessage[] = [];
      await broker.follow({ messages: (batch) => live.push(...batch), reset: () => expect.unreachable() });
      await publishChaotically(broker, calls);
      const expected = [...new Set(calls.flat())];
      const subjects = [0, 1, 2].map((number) => `CHAT_EVENTS.${number}`);
      const found = await history(broker, subjects);
      expect(found.map((message) => `${message.subject} ${message.roomEvent}`)).toEqual(
        expected.map((known) => `CHAT_EVENTS.${known.charCodeAt(0) % 3} ${Number(known.slice(1))}`),
      );
      expect(live).toEqual(found);
      // Read in two parts, at any point, it is the same.
      const middle = Math.floor(expected.length / 2);
      const rest = await history(broker, subjects, middle);
      expect(rest).toEqual(found.slice(middle));
    }),
    { numRuns: 200 },
  );
});
