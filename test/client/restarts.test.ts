import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { type ChatClient, type ChatClientOptions, createChatClient } from '../../src/client/client.ts';
import { chatClient, scyllaEnv, tokenOf, transportOf, usersClient } from '../support/app.ts';
import { createTestDatabase } from '../support/database.ts';
import { type NatsServer, startNats } from '../support/nats-server.ts';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts';
import { usedStore } from '../support/store.ts';
import { Reader } from './reader.ts';

const HEARTBEAT_MS = 400;

/** The service as a process that dies, under clients that don't notice but in their status. */
describe.skipIf(inject('postgresUrl') === '' || !inject('canStart').nats)('when the service goes', () => {
  let nats: NatsServer;
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let service: ServiceProcess;
  let names = 0;
  const clients: ChatClient[] = [];

  beforeAll(async () => {
    nats = await startNats();
    database = await createTestDatabase();
    const scylla = usedStore() === 'scylla' ? await scyllaEnv(database.url) : {};
    const env = { DATABASE_URL: database.url, NATS_URL: nats.url, STREAM_HEARTBEAT_MS: String(HEARTBEAT_MS) };
    service = await startServiceProcess({ ...env, ...scylla });
    const users = [1, 2].map((id) => ({ id, name: `User ${id}` }));
    await (await usersClient(service.url)).upsertUsers({ users });
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });
  afterAll(async () => {
    await service?.kill();
    await nats?.stop();
    await database?.drop();
  });

  it('is killed and stopped while messages are sent: each arrives once, in order', async () => {
    const roomId = await newRoom();
    const http2 = { transport: transportOf(service.url, 'connect-2') };
    const http1 = { transport: transportOf(service.url, 'connect-1.1') };
    const readers = [open(2), open(2, http2), open(2, http1), open(2, { mode: 'poll' })].map(
      (client) => new Reader(client.events({ roomId })),
    );
    await Promise.all(readers.map((reader) => reader.untilOnline()));
    const sender = open(1);
    const sent: Promise<unknown>[] = [];
    const say = (count: number): void => {
      for (let one = 0; one < count; one += 1) sent.push(sender.send(roomId, `message ${sent.length + 1}`));
    };
    for (const signal of ['SIGKILL', 'SIGTERM', 'SIGKILL'] as const) {
      say(60);
      // In the middle of them.
      await sent.at(-40);
      if (signal === 'SIGTERM') expect(await service.terminate()).toBe(0);
      else await service.kill();
      // Typed while nobody is there.
      say(20);
      await service.start();
    }
    const total = sent.length;
    await Promise.all(sent);
    expect(sender.waiting).toBe(0);
    for (const reader of readers) {
      await reader.expectAll(roomId, total);
      expect(reader.contents).toEqual(Array.from({ length: total }, (_, index) => `message ${index + 1}`));
      expect(reader.resyncs).toEqual([]);
      expect(reader.connections).toBeGreaterThanOrEqual(4);
    }
  });

  it('stands still: the silence is noticed, and what was said meanwhile arrives', async () => {
    const roomId = await newRoom();
    const reader = await new Reader(open(2).events({ roomId })).untilOnline();
    const sender = open(1);
    await sender.send(roomId, 'before');
    await reader.expectAll(roomId, 1);
    service.pause();
    try {
      const meanwhile = sender.send(roomId, 'meanwhile');
      await expect.poll(() => reader.losses).toContain('silence');
      expect(reader.status).not.toBe('online');
      service.resume();
      await meanwhile;
    } finally {
      service.resume();
    }
    await reader.expectAll(roomId, 2);
    expect(reader.contents).toEqual(['before', 'meanwhile']);
    expect(reader.resyncs).toEqual([]);
  });

  function open(as: number, options: Partial<ChatClientOptions> = {}): ChatClient {
    names += 1;
    const client = createChatClient({
      baseUrl: service.url,
      token: () => tokenOf(as),
      clientId: `client-${names}`,
      backoff: { baseMs: 50, maxMs: 500 },
      heartbeatMs: HEARTBEAT_MS,
      ...options,
    });
    clients.push(client);
    return client;
  }

  async function newRoom(): Promise<string> {
    const ana = await chatClient(service.url, { as: 1 });
    const { room } = await ana.createRoom({ type: 'group', name: 'Load', participants: [2] });
    return room?.id ?? '';
  }
});
