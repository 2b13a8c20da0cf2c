import pino from 'pino';
import { describe, expect, inject, test, vi } from 'vitest';
import { decodeWrapper } from '../../src/events/codec.ts';
import { createDispatcher } from '../../src/events/dispatcher.ts';
import { createJetStreamBroker } from '../../src/events/jetstream-broker.ts';
import { roomSubject } from '../../src/events/subjects.ts';
import { CommitSignal } from '../../src/repository/postgres/commit-signal.ts';
import { createPostgresOutbox } from '../../src/repository/postgres/outbox.ts';
import { createPgDb } from '../../src/repository/postgres/pg-db.ts';
import { createPostgresRoomsRepository } from '../../src/repository/postgres/postgres-rooms-repository.ts';
import { history, roomEvents } from '../contract/broker.ts';
import { createTestDatabase } from '../support/database.ts';
import { newMessage, newRoom } from '../support/rooms.ts';

const logger = pino({ level: 'silent' });
const [postgresUrl, natsUrl] = [inject('postgresUrl'), inject('natsUrl')];
const SOON = { timeout: 30_000, interval: 10 };
const MESSAGES = 300;

/** What one process of the service has of it. */
async function startProcess(url: string) {
  const db = createPgDb({ url, maxConnections: 5, logger });
  const signal = new CommitSignal();
  const broker = createJetStreamBroker({ servers: [natsUrl], logger });
  const outbox = createPostgresOutbox({ db, signal });
  const dispatcher = createDispatcher({ outbox, broker, logger, pollMs: 100, standbyMs: 50 });
  await broker.start();
  await dispatcher.start();
  return {
    db,
    broker,
    outbox,
    dispatcher,
    repository: createPostgresRoomsRepository({ db, events: signal, notifications: new CommitSignal() }),
    stop: async () => {
      await dispatcher.stop();
      await broker.stop();
      await db.close();
    },
  };
}

describe.skipIf(postgresUrl === '' || natsUrl === '')('two processes on PostgreSQL and JetStream', () => {
  test('each stored message is announced once and in order, whoever dispatches', async () => {
    const database = await createTestDatabase();
    const { db } = database;
    await db.query(`INSERT INTO "user" (id, name) VALUES (1, 'Ana'), (2, 'Bo')`);
    const processes = [await startProcess(database.url), await startProcess(database.url)] as const;
    const [{ repository, broker, outbox }] = processes;
    const rooms = await Promise.all(
      [1, 2, 3].map(async () => (await repository.createRoom(newRoom([1, 2]))).room.id),
    );
    const isDispatched = (): boolean => processes.some(({ dispatcher }) => dispatcher.stats().active);
    for (let sent = 0; sent < MESSAGES; sent += 50) {
      await Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          rooms.map((room) =>
            processes[index % 2 === 0 ? 0 : 1].repository.saveMessage(newMessage(room, 1 + (index % 2))),
          ),
        ).flat(),
      );
      await vi.waitFor(() => expect(isDispatched()).toBe(true), SOON);
      // The connection that holds the right to dispatch is gone.
      await db.query(
        `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      );
    }
    await vi.waitFor(async () => expect((await outbox.depth()).count).toBe(0), SOON);
    for (const room of rooms) {
      const found = await history(broker, [roomSubject(room)]);
      expect(roomEvents(found)).toEqual(Array.from({ length: 2 * MESSAGES }, (_, index) => index + 1));
      const events = found.map((message) => decodeWrapper(message.data)?.event.event);
      const sequences = events.flatMap((event) => (event?.case === 'message' ? [event.value.sequence] : []));
      expect(sequences).toEqual(Array.from({ length: MESSAGES }, (_, index) => index + 1));
      expect(events.filter((event) => event?.case === 'statusUpdate')).toHaveLength(MESSAGES);
    }
    await Promise.all(processes.map((process) => process.stop()));
    await database.drop();
  });
});
