import { Code, ConnectError } from '@connectrpc/connect';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { chatClient, startTestApp, type TestApp } from '../support/app.ts';
import { type CassandraServer, startCassandra } from '../support/cassandra-server.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createTestKeyspace, scyllaConfig, scyllaEnv, type TestKeyspace } from '../support/keyspace.ts';
import { ResumingClient, Sender } from '../support/resuming-client.ts';

const LEADS = { USE_SCYLLADB: 'true' };
const FOLLOWS = { SYNC_TO_SCYLLA: 'true' };
const BACKED = { USE_SCYLLADB: 'true', SYNC_TO_SCYLLA: 'true' };

/** A store that goes away costs refusals or lag; never what was acknowledged, and never a word about itself. */
describe.skipIf(!inject('canStart').cassandra || !inject('canStart').nats || inject('postgresUrl') === '')(
  'Scylla',
  () => {
    let cassandra: CassandraServer;
    let database: TestDatabase;
    let keyspace: TestKeyspace;
    const apps: TestApp[] = [];

    beforeAll(async () => {
      cassandra = await startCassandra();
    });
    afterAll(async () => await cassandra?.stop());
    afterEach(async () => {
      cassandra.resume();
      for (const app of apps.splice(0).reverse()) await app.stop();
      await keyspace?.session.close();
      await database?.drop();
    });

    /** A service on a database and a keyspace of its own; a second one on the same. */
    async function start(roles: Readonly<Record<string, string>>): Promise<TestApp> {
      database = await createTestDatabase();
      keyspace = await createTestKeyspace(cassandra.contactPoint, { timeoutMs: 1_000, breakerResetMs: 300 });
      return await startAgain(roles);
    }

    async function startAgain(roles: Readonly<Record<string, string>>): Promise<TestApp> {
      const app = await startTestApp({
        databaseUrl: database.url,
        broker: 'jetstream',
        env: { ...keyspace.env, ...roles },
      });
      apps.push(app);
      return app;
    }

    async function room(app: TestApp): Promise<string> {
      const client = await chatClient(app.url, { as: 1 });
      const answer = await client.createRoom({ type: 'group', name: 'Faults', participants: [2] });
      return answer.room?.id ?? '';
    }

    async function readiness(app: TestApp): Promise<[number, string]> {
      const answer = await fetch(`${app.url}/readyz?verbose`);
      return [answer.status, await answer.text()];
    }

    /** How many messages the history of user 2 has, and that they are all there. */
    async function expectHistory(app: TestApp, roomId: string, count: number): Promise<void> {
      const client = await chatClient(app.url, { as: 2 });
      const sequences: number[] = [];
      for (let page = 1; sequences.length < count; page += 1) {
        const { items, meta } = await client.getMessageHistory({ id: roomId, page, limit: 100 });
        expect(meta?.totalItems).toBe(count);
        sequences.push(...items.map(({ sequence }) => sequence));
      }
      expect(sequences).toEqual(Array.from({ length: count }, (_, index) => count - index));
    }

    it('that leads may be killed under load: calls are refused, nothing is lost, doubled or out of order', async () => {
      const app = await start(LEADS);
      const roomId = await room(app);
      const reader = new ResumingClient(() => chatClient(app.url, { as: 2, clientId: 'reader' }));
      await reader.untilConnected();
      const client = await chatClient(app.url, { as: 1 });
      const sender = new Sender(() => client, roomId, 'killed');
      for (let round = 0; round < 2; round += 1) {
        await sender.until(sender.acknowledged + 40);
        const before = sender.failures.length;
        await cassandra.kill();
        await expect.poll(() => sender.failures.length).toBeGreaterThan(before + 6);
        expect((await readiness(app))[0]).toBe(503);
        expect((await readiness(app))[1]).toMatch(
          /^ScyllaDB health check failed\n(.*\n)*ScyllaDB does not answer, \d+ changes behind/,
        );
        const refused = await client.getMessageHistory({ id: roomId }).catch((error: unknown) => error);
        expect(refused).toBeInstanceOf(ConnectError);
        expect(refused).toMatchObject({ code: Code.Unavailable, rawMessage: 'internal_server_error' });
        await cassandra.restart();
      }
      await sender.until(sender.acknowledged + 40);
      const count = await sender.stop();
      expect(new Set(sender.failures)).toEqual(new Set([Code.Unavailable]));
      await reader.expectAll(roomId, 1, count);
      await expectHistory(app, roomId, count);
      expect(reader.resyncs).toEqual([]);
      await reader.close();
      await expect
        .poll(async () => (await readiness(app))[1])
        .toMatch(/^Ok\n(.*\n)*ScyllaDB answers, 0 changes behind/);
    });

    it('that leads may stop answering: what timed out is there once', async () => {
      const app = await start(LEADS);
      const roomId = await room(app);
      const reader = new ResumingClient(() => chatClient(app.url, { as: 2, clientId: 'reader' }));
      await reader.untilConnected();
      const client = await chatClient(app.url, { as: 1 });
      const sender = new Sender(() => client, roomId, 'paused');
      await sender.until(30);
      cassandra.pause();
      await expect.poll(() => sender.failures.length).toBeGreaterThan(4);
      cassandra.resume();
      await sender.until(sender.acknowledged + 30);
      const count = await sender.stop();
      for (const code of sender.failures) expect([Code.Unavailable, Code.DeadlineExceeded]).toContain(code);
      await reader.expectAll(roomId, 1, count);
      await expectHistory(app, roomId, count);
      await reader.close();
    });

    it.each([
      ['follows', FOLLOWS],
      ['is backed by Postgres', BACKED],
    ])('that %s may be away for long: nobody notices, and it catches up by itself', async (_, roles) => {
      const app = await start(roles);
      const roomId = await room(app);
      const reader = new ResumingClient(() => chatClient(app.url, { as: 2, clientId: 'reader' }));
      await reader.untilConnected();
      const client = await chatClient(app.url, { as: 1 });
      const sender = new Sender(() => client, roomId, 'away');
      await sender.until(20);
      await cassandra.kill();
      await sender.until(sender.acknowledged + 60);
      const other = await chatClient(app.url, { as: 2 });
      const [last] = (await other.getMessageHistory({ id: roomId, page: 1, limit: 1 })).items;
      await other.markMessagesAsRead({ roomId, messageIds: [last?.id ?? ''] });
      await other.reactToMessage({ messageId: last?.id ?? '', reaction: '👍' });
      await expect
        .poll(async () => await readiness(app))
        .toEqual([
          200,
          expect.stringMatching(
            /^Ok\n(.*\n)*ScyllaDB does not answer, [1-9]\d* changes behind, the oldest for \d/,
          ),
        ]);
      await cassandra.restart();
      await sender.until(sender.acknowledged + 20);
      const count = await sender.stop();
      expect(sender.failures).toEqual([]);
      await reader.expectAll(roomId, 1, count);
      await reader.close();
      await expect
        .poll(async () => (await readiness(app))[1])
        .toMatch(/^Ok\n(.*\n)*ScyllaDB answers, 0 changes behind/);
      // The test's own connection comes back when it likes.
      const rows = 'SELECT sequence FROM {ks}.messages_by_room WHERE room_id = ? AND bucket = 0';
      await expect
        .poll(async () => await keyspace.session.read<{ sequence: number }>(rows, [roomId]))
        .toEqual(Array.from({ length: count }, (_unused, i) => ({ sequence: count - i })));
      const reactions = 'SELECT reaction FROM {ks}.reactions_by_message WHERE message_id = ?';
      await expect
        .poll(async () => await keyspace.session.read(reactions, [last?.id]))
        .toEqual([{ reaction: '👍' }]);
    });

    it('that leads must be there at the start, and have the schema', async () => {
      await start(LEADS);
      const absent = scyllaConfig('127.0.0.1:1');
      const env = { ...scyllaEnv(absent), ...LEADS };
      await expect(startTestApp({ databaseUrl: database.url, env })).rejects.toThrow(
        /^Scylla can't be used at 127\.0\.0\.1:1: /,
      );
      const empty = { ...scyllaEnv(scyllaConfig(cassandra.contactPoint)), ...LEADS };
      await expect(startTestApp({ databaseUrl: database.url, env: empty })).rejects.toThrow(
        /^the keyspace chat_\w+ holds no chat schema: run `npm run migrate` first$/,
      );
    });

    it('that follows may be away at the start: a warning, and later it has everything', async () => {
      database = await createTestDatabase();
      keyspace = await createTestKeyspace(cassandra.contactPoint, { timeoutMs: 1_000, breakerResetMs: 300 });
      await cassandra.kill();
      const app = await startAgain(FOLLOWS);
      expect(app.logs).toContainEqual(
        expect.objectContaining({
          level: pino.levels.values.warn,
          msg: 'Scylla is away: what changes is noted, and brought there later',
        }),
      );
      const roomId = await room(app);
      expect((await readiness(app))[1]).toMatch(/^Ok\n(.*\n)*ScyllaDB does not answer, [1-9]/);
      await cassandra.restart();
      await expect
        .poll(async () => (await readiness(app))[1])
        .toMatch(/^Ok\n(.*\n)*ScyllaDB answers, 0 changes behind/);
      const details = 'SELECT name FROM {ks}.room_details WHERE room_id = ?';
      await expect
        .poll(async () => await keyspace.session.read(details, [roomId]))
        .toEqual([{ name: 'Faults' }]);
    });
  },
);
