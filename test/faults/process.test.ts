import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { chatClient, scyllaEnv, usersClient } from '../support/app.ts';
import { createTestDatabase } from '../support/database.ts';
import { type NatsServer, startNats } from '../support/nats-server.ts';
import { ResumingClient, Sender } from '../support/resuming-client.ts';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts';
import { usedStore } from '../support/store.ts';

/** The process itself, as an operator starts and stops it. */
describe.skipIf(inject('postgresUrl') === '' || !inject('canStart').nats)('the process', () => {
  let nats: NatsServer;
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let scylla: Readonly<Record<string, string>> = {};

  beforeAll(async () => {
    nats = await startNats();
    database = await createTestDatabase();
    if (usedStore() === 'scylla') scylla = await scyllaEnv(database.url);
  });

  afterAll(async () => {
    await database?.drop();
    await nats?.stop();
  });

  async function launch(): Promise<ServiceProcess> {
    return await startServiceProcess({ DATABASE_URL: database.url, NATS_URL: nats.url, ...scylla });
  }

  it('drains on SIGTERM under load, exits 0, and nothing acknowledged is lost', async () => {
    const service = await launch();
    const { url } = service;
    await (await usersClient(url)).upsertUsers({
      users: [1, 2].map((id) => ({ id, name: `User ${id}` })),
    });
    const { room } = await (await chatClient(url, { as: 1 })).createRoom({
      type: 'group',
      name: 'Load',
      participants: [2],
    });
    const roomId = room?.id ?? '';
    const reader = new ResumingClient(() => chatClient(url, { as: 2, clientId: 'reader' }));
    await reader.untilConnected();
    const client = await chatClient(url, { as: 1 });
    const sender = new Sender(() => client, roomId, 'process');
    for (const signal of ['SIGTERM', 'SIGTERM', 'SIGKILL'] as const) {
      await sender.until(sender.acknowledged + 50);
      if (signal === 'SIGTERM') expect(await service.terminate()).toBe(0);
      else await service.kill();
      await service.start();
    }
    const count = await sender.stop();
    await reader.expectAll(roomId, 1, count);
    expect(reader.opened).toBeGreaterThanOrEqual(4);
    expect(reader.resyncs).toEqual([]);
    await reader.close();
    await service.terminate();
  });

  it('goes on, and still stops, when nobody reads its log any more', async () => {
    const { child, url } = await launch();
    child.stdout?.destroy();
    child.stderr?.destroy();
    // Each call is a line of log.
    for (let call = 0; call < 3; call += 1) {
      const answer = await fetch(`${url}/services.chat.v1.ChatService/GetRooms`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{}',
      });
      expect(answer.status).toBe(401);
    }
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    expect((await exited)[0]).toBe(0);
  });

  it('stops when its last lines are the first that nobody reads', async () => {
    const { child } = await startServiceProcess({ DATA_DIR: 'memory:' });
    child.stdout?.destroy();
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    expect((await exited)[0]).toBe(0);
  });

  it('ends at once on a second signal', async () => {
    const { child } = await launch();
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    child.kill('SIGINT');
    await exited;
    expect(child.exitCode ?? child.signalCode).not.toBeNull();
  });
});
