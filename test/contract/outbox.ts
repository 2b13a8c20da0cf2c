import { randomUUID } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Outbox, OutboxEntry } from '../../src/events/outbox.ts';
import { MessageEventSchema, MessageStatus } from '../../src/gen/services/chat/v1/types_pb.ts';
import { CommitSignal } from '../../src/repository/postgres/commit-signal.ts';
import type { Sql } from '../../src/repository/postgres/db.ts';
import { createPostgresOutbox } from '../../src/repository/postgres/outbox.ts';
import { createPostgresRoomsRepository } from '../../src/repository/postgres/postgres-rooms-repository.ts';
import type { RoomsRepository } from '../../src/repository/rooms-repository.ts';
import type { TestDatabase } from '../support/database.ts';
import { actor, newMessage, newRoom } from '../support/rooms.ts';
import { callersTrace, traceContext } from '../support/trace-headers.ts';

/** The promises of an {@link Outbox}, on an empty database with the schema. */
export function exerciseOutbox(name: string, open: () => Promise<TestDatabase>): void {
  describe(name, () => {
    const signal = new CommitSignal();
    let database: TestDatabase;
    let outbox: Outbox;
    let repository: RoomsRepository;

    beforeAll(async () => {
      database = await open();
      const { db } = database;
      outbox = createPostgresOutbox({ db, signal });
      repository = createPostgresRoomsRepository({
        ...{ db, events: signal, notifications: new CommitSignal() },
        traceContext: () => traceContext.getStore(),
      });
      await db.query(`INSERT INTO "user" (id, name, phone) VALUES (1, 'Ana', '+1'), (2, 'Bo', '+2')`);
    });
    afterAll(() => database.drop());
    beforeEach(async () => {
      await database.db.query('DELETE FROM outbox');
    });

    test('an entry is there as it was written, until it is removed', async () => {
      const [room, id] = [randomUUID(), randomUUID()];
      const event = create(MessageEventSchema, {
        eventId: id,
        roomId: room,
        event: { case: 'deleteMessage', value: 'm' },
      });
      await insert(database.db, {
        id,
        room,
        roomEvent: 3,
        userId: 9,
        payload: toBinary(MessageEventSchema, event),
        traceContext: '00-trace',
      });
      const [entry] = await outbox.read(10);
      expect(entry?.events).toEqual([
        {
          eventId: id,
          subject: `CHAT_EVENTS.${room}`,
          roomEvent: 3,
          userId: 9,
          event,
          traceContext: '00-trace',
        },
      ]);
      expect(Math.abs(Date.now() - (entry?.createdAt ?? 0))).toBeLessThan(60_000);
      expect(await outbox.read(10)).toHaveLength(1);
      await outbox.remove([entry?.id ?? 0]);
      await outbox.remove([]);
      expect(await outbox.read(10)).toEqual([]);
    });

    test('a sent message is two events with ids that never change', async () => {
      const { room } = await repository.createRoom(newRoom([1, 2]));
      const joins = await outbox.read(10);
      expect(joins.flatMap((entry) => entry.events.map((event) => event.subject)).toSorted()).toEqual([
        'CHAT_DIRECT_EVENTS.1',
        'CHAT_DIRECT_EVENTS.2',
      ]);
      await outbox.remove(joins.map((entry) => entry.id));
      const { message } = await repository.saveMessage(newMessage(room.id, 1, { content: 'hello' }));
      const [entry, ...others] = await outbox.read(10);
      expect(others).toEqual([]);
      const [accepted, said] = entry?.events ?? [];
      expect(accepted?.event.event).toEqual({
        case: 'statusUpdate',
        value: expect.objectContaining({
          messageId: message.id,
          status: MessageStatus.SENT,
          updatedAt: message.createdAt,
          userId: 1,
          senderId: 1,
        }),
      });
      expect(said?.event.event).toEqual({ case: 'message', value: message });
      for (const event of [accepted, said]) {
        expect(event).toEqual(expect.objectContaining({ subject: `CHAT_EVENTS.${room.id}`, userId: 1 }));
        expect(event?.event).toEqual(expect.objectContaining({ roomId: room.id, eventId: event?.eventId }));
        expect(event?.eventId).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      }
      expect(accepted?.eventId).not.toBe(said?.eventId);
      expect([accepted?.roomEvent, said?.roomEvent]).toEqual([1, 2]);
      expect(await outbox.read(10)).toEqual([entry]);
    });

    test('both events of a sent message belong to its trace', async () => {
      const { room } = await repository.createRoom(newRoom([1, 2]));
      await database.db.query('DELETE FROM outbox');
      await repository.saveMessage(newMessage(room.id, 1));
      const { traceparent } = callersTrace();
      await traceContext.run(traceparent, () => repository.saveMessage(newMessage(room.id, 1)));
      const entries = await outbox.read(10);
      expect(entries.map(({ events }) => events.map((event) => event.traceContext))).toEqual([
        [undefined, undefined],
        [traceparent, traceparent],
      ]);
    });

    test('entries of a room come in the order of its events, oldest first, as many as asked for', async () => {
      const { room } = await repository.createRoom(newRoom([1, 2]));
      await Promise.all(
        Array.from({ length: 60 }, (_, index) =>
          repository.saveMessage(newMessage(room.id, 1 + (index % 2))),
        ),
      );
      const read: OutboxEntry[] = [];
      for (let some = await outbox.read(25); some.length > 0; some = await outbox.read(25)) {
        expect(some.length).toBeLessThanOrEqual(25);
        read.push(...some);
        await outbox.remove(some.map((entry) => entry.id));
      }
      const ids = read.map((entry) => entry.id);
      expect(ids).toEqual(ids.toSorted((a, b) => a - b));
      const events = read.flatMap((entry) => entry.events).filter((event) => event.subject.endsWith(room.id));
      expect(events.map((event) => event.roomEvent)).toEqual(
        Array.from({ length: 120 }, (_, index) => index + 1),
      );
      const sequences = events.flatMap(({ event: { event } }) =>
        event.case === 'message' ? [event.value.sequence] : [],
      );
      expect(sequences).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
    });

    test('a row that can not be read is an entry without events', async () => {
      await insert(database.db, { room: randomUUID(), payload: Uint8Array.of(255, 255, 255) });
      await insert(database.db, { room: randomUUID(), messageId: randomUUID() });
      expect((await outbox.read(10)).map((entry) => entry.events)).toEqual([[], []]);
    });

    test('tells how much waits, and for how long', async () => {
      expect(await outbox.depth()).toEqual({ count: 0, oldestAgeMs: 0 });
      await insert(database.db, { room: randomUUID(), payload: new Uint8Array() });
      await insert(database.db, { room: randomUUID(), payload: new Uint8Array() });
      await database.db.query(
        `UPDATE outbox SET created_at = now() - interval '1 minute' WHERE id = (SELECT min(id) FROM outbox)`,
      );
      const { count, oldestAgeMs } = await outbox.depth();
      expect(count).toBe(2);
      expect(oldestAgeMs).toBeGreaterThanOrEqual(59_000);
      expect(oldestAgeMs).toBeLessThan(120_000);
    });

    test('a commit wakes whoever waits', async () => {
      let woken = 0;
      const leave = outbox.onCommit(() => {
        woken += 1;
      });
      const { room } = await repository.createRoom(newRoom([1, 2]));
      expect(woken).toBeGreaterThan(0);
      const before = woken;
      await repository.saveMessage(newMessage(room.id, 1));
      expect(woken).toBeGreaterThan(before);
      leave();
      const after = woken;
      await repository.saveMessage(newMessage(room.id, 1));
      expect(woken).toBe(after);
    });

    test('only one holds the right to dispatch', async () => {
      const other = createPostgresOutbox({ db: database.db, signal });
      const lease = await outbox.acquire();
      expect(lease?.lost.aborted).toBe(false);
      expect(await other.acquire()).toBeUndefined();
      await lease?.release();
      const next = await other.acquire();
      expect(next).toBeDefined();
      await next?.release();
    });

    test('a refused send leaves nothing', async () => {
      const { room } = await repository.createRoom(newRoom([1, 2]));
      await database.db.query('DELETE FROM outbox');
      await expect(repository.saveMessage(newMessage(room.id, 77))).rejects.toThrow();
      await expect(
        repository.updateRoom(actor(1), room.id, () => {
          throw new Error('refused');
        }),
      ).rejects.toThrow();
      expect(await outbox.depth()).toEqual({ count: 0, oldestAgeMs: 0 });
    });
  });
}

interface Row {
  readonly room: string;
  readonly id?: string;
  readonly roomEvent?: number;
  readonly userId?: number;
  readonly payload?: Uint8Array;
  readonly messageId?: string;
  readonly traceContext?: string;
}

async function insert(sql: Sql, row: Row): Promise<void> {
  await sql.query(
    `INSERT INTO outbox (event_id, subject, room_id, room_event, user_id, payload, message_id, trace_context)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      row.id ?? randomUUID(),
      `CHAT_EVENTS.${row.room}`,
      row.room,
      row.roomEvent ?? 1,
      row.userId ?? 1,
      row.payload === undefined ? null : Buffer.from(row.payload),
      row.messageId ?? null,
      row.traceContext ?? null,
    ],
  );
}
