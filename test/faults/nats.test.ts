import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { chatClient, startTestApp, type TestApp } from '../support/app.ts';
import { type NatsServer, startNats } from '../support/nats-server.ts';
import { ResumingClient, Sender } from '../support/resuming-client.ts';

/** The broker is a replay buffer: sending needs only Postgres, and nothing is lost or repeated whatever happens to it. */
describe.skipIf(inject('postgresUrl') === '' || !inject('canStart').nats)('NATS', () => {
  let nats: NatsServer;
  let app: TestApp;

  beforeAll(async () => {
    nats = await startNats();
    app = await startTestApp({ broker: nats.url as `nats://${string}` });
  });

  afterAll(async () => {
    await app?.stop();
    await nats?.stop();
  });

  async function newRoom(): Promise<string> {
    const owner = await chatClient(app.url, { as: 1 });
    const { room } = await owner.createRoom({ type: 'group', name: 'Faults', participants: [2, 3] });
    return room?.id ?? '';
  }

  it('may be killed under load: sends go on, events follow once and in order', async () => {
    const roomId = await newRoom();
    const sending = await chatClient(app.url, { as: 1 });
    const reader = new ResumingClient(() => chatClient(app.url, { as: 2, clientId: 'killed' }));
    await reader.untilConnected();
    const sender = new Sender(() => sending, roomId, 'killed');
    await sender.until(50);
    for (let turn = 1; turn <= 2; turn += 1) {
      await nats.kill();
      await sender.until(sender.acknowledged + 50);
      await nats.restart();
      await sender.until(sender.acknowledged + 50);
    }
    const count = await sender.stop();
    expect(sender.failures).toEqual([]);
    await reader.expectAll(roomId, 1, count);
    expect(reader.resyncs).toEqual([]);
    await reader.close();
  });

  it('may lose its store: clients are told to resynchronise, and what follows is complete', async () => {
    const roomId = await newRoom();
    const client = await chatClient(app.url, { as: 1 });
    const live = new ResumingClient(() => chatClient(app.url, { as: 2, clientId: 'live' }));
    const away = new ResumingClient(() => chatClient(app.url, { as: 3, clientId: 'away' }));
    await live.untilConnected();
    await away.untilConnected();
    await client.sendMessage({ roomId, content: 'before' });
    await live.expectAll(roomId, 1, 1);
    await away.expectAll(roomId, 1, 1);
    const cursor = away.events.findLast((event) => event.cursor !== '')?.cursor ?? '';
    await away.close();

    await nats.kill();
    await client.sendMessage({ roomId, content: 'meanwhile' });
    await nats.restart({ wipe: true });
    await expect.poll(() => live.resyncs.length, { timeout: 30_000 }).toBeGreaterThan(0);
    await client.sendMessage({ roomId, content: 'after' });
    await live.expectAll(roomId, 3, 3);

    const returned = await chatClient(app.url, { as: 3, clientId: 'away' });
    for await (const { event } of returned.streamMessages({ cursor })) {
      expect(event).toMatchObject({ case: 'resyncRequired', value: { reason: 'cursor_unknown' } });
      break;
    }
    await live.close();
  });

  it('may be away at the start: the service serves, and says so', async () => {
    await nats.kill();
    const late = await startTestApp({
      databaseUrl: app.databaseUrl,
      broker: nats.url as `nats://${string}`,
    });
    try {
      const unready = await fetch(`${late.url}/readyz`);
      expect(unready.status).toBe(503);
      expect(await unready.text()).toContain('NATS connection is down');
      const roomId = await newRoom();
      const client = await chatClient(late.url, { as: 1 });
      await client.sendMessage({ roomId, content: 'early' });
      await nats.restart();
      await expect
        .poll(async () => (await fetch(`${late.url}/readyz`)).status, { timeout: 30_000 })
        .toBe(200);
      const reader = new ResumingClient(() => chatClient(late.url, { as: 2, clientId: 'late' }));
      await reader.untilConnected();
      await client.sendMessage({ roomId, content: 'late' });
      await reader.expectAll(roomId, 2, 2);
      await reader.close();
    } finally {
      await late.stop();
    }
  });
});
