import { Code, ConnectError } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { chatClient, startTestApp, type TestApp } from '../support/app.ts';
import { ResumingClient } from '../support/resuming-client.ts';

/** Two instances on one Postgres and one NATS are one service. */
describe.skipIf(inject('postgresUrl') === '' || !inject('canStart').nats)('two instances', () => {
  let one: TestApp;
  let two: TestApp;
  let roomId: string;

  beforeAll(async () => {
    one = await startTestApp({ broker: 'jetstream' });
    two = await startTestApp({ databaseUrl: one.databaseUrl, broker: one.natsUrl as `nats://${string}` });
    const room = await (await chatClient(one.url, { as: 1 })).createRoom({
      type: 'group',
      name: 'Both',
      participants: [2, 3],
    });
    roomId = room.room?.id ?? '';
  });

  afterAll(async () => {
    await two?.stop();
    await one?.stop();
  });

  async function send(app: TestApp, as: number, senderMessageId: string): Promise<number> {
    const client = await chatClient(app.url, { as });
    const answer = await client.sendMessage({ roomId, content: senderMessageId, senderMessageId });
    return answer.message?.sequence ?? 0;
  }

  it('delivers on one what is sent on the other, in order', async () => {
    const reader = new ResumingClient(() => chatClient(two.url, { as: 2, clientId: 'order' }));
    await reader.untilConnected();
    const sent = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        send(index % 2 === 0 ? one : two, 1 + (index % 3), `order-${index}`),
      ),
    );
    expect(new Set(sent).size).toBe(100);
    await reader.expectAll(roomId, Math.min(...sent), Math.max(...sent));
    await reader.close();
  });

  it('resumes on the other instance, by cursor', async () => {
    let at = one;
    const reader = new ResumingClient(() => chatClient(at.url, { as: 3, clientId: 'moves' }));
    await reader.untilConnected();
    const first = await send(one, 1, 'moves-1');
    await reader.expectAll(roomId, first, first);
    for (let turn = 0; turn < 6; turn += 1) {
      at = at === one ? two : one;
      reader.drop();
      await send(one, 1, `moves-a-${turn}`);
      await send(two, 2, `moves-b-${turn}`);
      await expect.poll(() => reader.opened).toBe(turn + 2);
    }
    await reader.expectAll(roomId, first, first + 12);
    expect(reader.opened).toBe(7);
    expect(reader.resyncs).toEqual([]);
    await reader.close();
  });

  it('resumes on the other instance by client id alone', async () => {
    const before = await chatClient(one.url, { as: 3, clientId: 'remembered' });
    const leaving = new AbortController();
    await expect(async () => {
      for await (const event of before.streamMessages({}, { signal: leaving.signal })) {
        if (event.event.case === 'connected') leaving.abort();
      }
    }).rejects.toThrow();
    const sequence = await send(two, 1, 'remembered-1');
    const found: number[] = [];
    const after = await chatClient(two.url, { as: 3, clientId: 'remembered' });
    const done = new AbortController();
    try {
      for await (const { event } of after.streamMessages({}, { signal: done.signal })) {
        if (event.case === 'message') found.push(event.value.sequence);
        if (found.at(-1) === sequence) done.abort();
      }
    } catch (error) {
      expect(ConnectError.from(error).code).toBe(Code.Canceled);
    }
    expect(found).toEqual([sequence]);
  });

  it('ends the older stream of a client id, wherever it is', async () => {
    const older = Promise.withResolvers<Code>();
    const isOpen = Promise.withResolvers<void>();
    const old = await chatClient(one.url, { as: 2, clientId: 'twice' });
    const reading = (async () => {
      try {
        for await (const _ of old.streamMessages({})) isOpen.resolve();
      } catch (error) {
        older.resolve(ConnectError.from(error).code);
      }
    })();
    await isOpen.promise;
    const newer = await chatClient(two.url, { as: 2, clientId: 'twice' });
    for await (const { event } of newer.streamMessages({})) {
      expect(event.case).toBe('connected');
      expect(await older.promise).toBe(Code.Aborted);
      break;
    }
    await reading;
  });

  it('stores one message of many concurrent repeats, and announces it once', async () => {
    const reader = new ResumingClient(() => chatClient(two.url, { as: 3, clientId: 'repeats' }));
    await reader.untilConnected();
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) => send(index % 2 === 0 ? one : two, 1, 'the-same')),
    );
    expect(new Set(answers).size).toBe(1);
    const next = await send(two, 1, 'the-next');
    expect(next).toBe((answers[0] ?? 0) + 1);
    await reader.expectAll(roomId, next - 1, next);
    await reader.close();
  });

  it('stops delivering to a member that the other instance removed', async () => {
    const { room } = await (await chatClient(one.url, { as: 1 })).createRoom({
      type: 'group',
      name: 'Short',
      participants: [4],
    });
    const id = room?.id ?? '';
    const reader = new ResumingClient(() => chatClient(two.url, { as: 4, clientId: 'removed' }));
    await reader.untilConnected();
    const owner = await chatClient(one.url, { as: 1 });
    await owner.leaveRoom({ id, participants: [4] });
    await owner.sendMessage({ roomId: id, content: 'secret' });
    await expect
      .poll(() => reader.events.some(({ event }) => event.case === 'roomLeave'), { timeout: 10_000 })
      .toBe(true);
    const fence = await chatClient(one.url, { as: 4 });
    const other = await fence.createRoom({ type: 'group', name: 'Fence', participants: [1] });
    await owner.sendMessage({ roomId: other.room?.id ?? '', content: 'fence' });
    await reader.expectAll(other.room?.id ?? '', 1, 1);
    expect(
      reader.events.filter(({ event }) => event.case === 'message' && event.value.content === 'secret'),
    ).toEqual([]);
    await reader.close();
  });
});
