import { Code } from '@connectrpc/connect';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createPgDb } from '../../src/repository/postgres/pg-db.ts';
import { applySchema } from '../../src/repository/postgres/schema.ts';
import { chatClient, startTestApp, type TestApp } from '../support/app.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { ResumingClient, Sender } from '../support/resuming-client.ts';

/** Sends fail only while Postgres is away, and what was acknowledged is there afterwards: once, in order. */
describe.skipIf(!inject('canStart').postgres || !inject('canStart').nats)('Postgres', () => {
  let postgres: PostgresServer;
  let app: TestApp;

  beforeAll(async () => {
    postgres = await startPostgres({ durable: true });
    const db = createPgDb({ url: postgres.url, maxConnections: 2, logger: pino({ level: 'silent' }) });
    await applySchema(db);
    await db.close();
    app = await startTestApp({ databaseUrl: postgres.url, broker: 'jetstream' });
  });

  afterAll(async () => {
    await app?.stop();
    await postgres?.stop();
  });

  it('may be killed under load', async () => {
    const client = await chatClient(app.url, { as: 1 });
    const { room } = await client.createRoom({ type: 'group', name: 'Faults', participants: [2] });
    const roomId = room?.id ?? '';
    const reader = new ResumingClient(() => chatClient(app.url, { as: 2, clientId: 'reader' }));
    await reader.untilConnected();
    const sender = new Sender(() => client, roomId, 'postgres');
    await sender.until(50);
    await postgres.kill();
    await expect.poll(() => sender.failures.length, { timeout: 20_000 }).toBeGreaterThan(2);
    expect((await fetch(`${app.url}/health`)).status).toBe(200);
    const unready = await fetch(`${app.url}/readyz`);
    expect([unready.status, await unready.text()]).toEqual([503, 'PostgreSQL health check failed']);
    await postgres.restart();
    await sender.until(sender.acknowledged + 50);
    const count = await sender.stop();
    expect(new Set(sender.failures)).toEqual(new Set([Code.Internal]));
    // Repeated sends carried the same client-side id: no message is stored twice, so the sequences end at the count.
    await reader.expectAll(roomId, 1, count);
    const history = await client.getMessageHistory({ id: roomId, page: 1, limit: 1 });
    expect(history.meta?.totalItems).toBe(count);
    expect(reader.resyncs).toEqual([]);
    await reader.close();
  });
});
