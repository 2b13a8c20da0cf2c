import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { MessageEvent } from '../../src/gen/services/chat/v1/types_pb.ts';
import { chatClient, PROTOCOLS, startTestApp, type TestApp } from '../support/app.ts';

const isPossible = inject('postgresUrl') !== '' && inject('canStart').nats;

describe.skipIf(!isPossible)('two instances on one Postgres and one NATS', () => {
  let one: TestApp;
  let two: TestApp;
  beforeAll(async () => {
    one = await startTestApp({ broker: 'jetstream' });
    two = await startTestApp({
      databaseUrl: one.databaseUrl,
      broker: `nats://${one.natsUrl.slice('nats://'.length)}`,
    });
  });
  afterAll(async () => {
    await two?.stop();
    await one?.stop();
  });

  test('what is sent by one protocol is streamed alike by all, in order', async () => {
    const sender = await chatClient(one.url, { as: 1 });
    const { room } = await sender.createRoom({ type: 'group', name: 'All', participants: [2] });
    const roomId = room?.id ?? '';
    // What is published only now would come before the first heartbeat.
    await expect.poll(async () => (await one.app.parts().db.query('SELECT FROM outbox')).rowCount).toBe(0);
    const readers = await Promise.all(PROTOCOLS.map((protocol) => openStream(two.url, protocol)));

    const sent: string[] = [];
    for (const protocol of PROTOCOLS) {
      const client = await chatClient(one.url, { as: 1, protocol });
      const { message } = await client.sendMessage({ roomId, content: 'AAAA', senderMessageId: protocol });
      sent.push(message?.id ?? '');
    }
    const received = await Promise.all(readers.map((reader) => reader.messages(PROTOCOLS.length)));
    for (const events of received) {
      expect(events.map(({ event }) => (event.case === 'message' ? event.value.id : ''))).toEqual(sent);
      expect(events).toEqual(received[0]);
    }
    for (const reader of readers) reader.leave();
  });

  test('every protocol reads the same history', async () => {
    const sender = await chatClient(one.url, { as: 1 });
    const { room } = await sender.createRoom({ type: 'p2p', participants: [3] });
    const id = room?.id ?? '';
    for (let i = 0; i < 3; i++) {
      await sender.sendMessage({
        roomId: id,
        content: 'AAAA',
        locationLatitude: 48.1371079,
        locationLongitude: -0.5,
      });
    }
    const answers = [];
    for (const protocol of PROTOCOLS) {
      for (const { url } of [one, two]) {
        const client = await chatClient(url, { as: 3, protocol });
        answers.push(await client.getMessageHistory({ id }));
      }
    }
    expect(answers[0]?.items).toHaveLength(3);
    for (const answer of answers) expect(answer).toEqual(answers[0]);
  });
});

/** A stream of user 2 that is known to be subscribed. */
async function openStream(url: string, protocol: (typeof PROTOCOLS)[number]) {
  const client = await chatClient(url, { as: 2, protocol, clientId: `reader-${protocol}` });
  const leaving = new AbortController();
  const stream = client.streamMessages({}, { signal: leaving.signal })[Symbol.asyncIterator]();
  expect((await stream.next()).value?.event).toEqual({ case: 'connected', value: true });
  return {
    leave: () => leaving.abort(),
    /** The next messages, other events left out. */
    async messages(count: number): Promise<MessageEvent[]> {
      const found: MessageEvent[] = [];
      while (found.length < count) {
        const { value, done } = await stream.next();
        if (done === true) throw new Error('the stream ended');
        if (value.event.case === 'message') found.push(value);
      }
      return found;
    },
  };
}
