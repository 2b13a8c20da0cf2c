import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { chatClient, scyllaEnv, TEST_JWT_SECRET, usersClient } from '../support/app.ts';
import { createTestDatabase } from '../support/database.ts';
import { type NatsServer, startNats } from '../support/nats-server.ts';
import { freePort } from '../support/ports.ts';
import { ResumingClient, Sender } from '../support/resuming-client.ts';
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

  async function launch(port: number): Promise<ChildProcess> {
    const child = spawn(process.execPath, ['src/main.ts', 'serve'], {
      env: {
        PATH: process.env.PATH,
        SERVER_ADDRESS: `127.0.0.1:${port}`,
        DATABASE_URL: database.url,
        NATS_URL: nats.url,
        JWT_SECRET: TEST_JWT_SECRET,
        CHAT_KEY: '0'.repeat(64),
        CHAT_IV: '0'.repeat(32),
        ...scylla,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let log = '';
    child.stdout?.on('data', (chunk) => {
      log += String(chunk);
    });
    child.stderr?.on('data', (chunk) => {
      log += String(chunk);
    });
    await expect.poll(() => log, { timeout: 60_000 }).toContain('listening');
    return child;
  }

  it('drains on SIGTERM under load, exits 0, and nothing acknowledged is lost', async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    let child = await launch(port);
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
      const exited = once(child, 'exit');
      child.kill(signal);
      const [code] = await exited;
      if (signal === 'SIGTERM') expect(code).toBe(0);
      child = await launch(port);
    }
    const count = await sender.stop();
    await reader.expectAll(roomId, 1, count);
    expect(reader.opened).toBeGreaterThanOrEqual(4);
    expect(reader.resyncs).toEqual([]);
    await reader.close();
    child.kill('SIGTERM');
    await once(child, 'exit');
  });

  it('goes on, and still stops, when nobody reads its log any more', async () => {
    const port = await freePort();
    const child = await launch(port);
    child.stdout?.destroy();
    child.stderr?.destroy();
    // Each call is a line of log.
    for (let call = 0; call < 3; call += 1) {
      const answer = await fetch(`http://127.0.0.1:${port}/services.chat.v1.ChatService/GetRooms`, {
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

  it('ends at once on a second signal', async () => {
    const port = await freePort();
    const child = await launch(port);
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    child.kill('SIGINT');
    await exited;
    expect(child.exitCode ?? child.signalCode).not.toBeNull();
  });
});
