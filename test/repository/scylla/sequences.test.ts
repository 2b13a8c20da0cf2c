import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import {
  countDeleted,
  countUnread,
  type Interval,
  undeletedSequences,
} from '../../../src/repository/scylla/sequences.ts';
import type { ScyllaSession } from '../../../src/repository/scylla/session.ts';
import { bucketOf, deletedBucketOf } from '../../../src/repository/scylla/tables.ts';
import { createTestKeyspace, type TestKeyspace } from '../../support/keyspace.ts';

const OWN = 1;
const OTHER = 2;
/** Where the parts of both tables meet: 10,000 messages and 1,000,000 deleted ones are in one. */
const MIDDLE = 1_000_000;

const DELETE = `INSERT INTO {ks}.deleted_messages_by_room (room_id, bucket, sequence, sender_id) VALUES (?, ?, ?, ?)`;
const SEND = 'INSERT INTO {ks}.messages_by_sender (room_id, bucket, sender_id, sequence) VALUES (?, ?, ?, ?)';

describe.skipIf(inject('cassandraContactPoint') === '')('sequences of a room', () => {
  let keyspace: TestKeyspace;
  beforeAll(async () => {
    keyspace = await createTestKeyspace();
  });
  afterAll(async () => await keyspace?.drop());

  test('are counted and skipped by the deleted ones alone, across their parts', async () => {
    const near = fc.integer({ min: -12, max: 12 }).map((offset) => MIDDLE + offset);
    const senders = fc.uniqueArray(fc.tuple(near, fc.constantFrom(OWN, OTHER), fc.boolean()), {
      selector: ([sequence]) => sequence,
      maxLength: 25,
    });
    const window = fc.record({ limit: fc.nat({ max: 12 }), offset: fc.nat({ max: 30 }) });
    await fc.assert(
      fc.asyncProperty(senders, near, near, window, async (messages, lower, upper, { limit, offset }) => {
        const { session } = keyspace;
        const roomId = await write(session, messages);
        const interval = { lower, upper };
        const gone = new Set(messages.flatMap(([sequence, , deleted]) => (deleted ? [sequence] : [])));
        const own = new Set(messages.flatMap(([sequence, sender]) => (sender === OWN ? [sequence] : [])));
        const inside = down(interval);
        const undeleted = inside.filter((sequence) => !gone.has(sequence));
        expect(await countDeleted(session, roomId, interval)).toBe(inside.length - undeleted.length);
        expect(await undeletedSequences(session, roomId, interval, { limit, offset })).toEqual(
          undeleted.slice(offset, offset + limit),
        );
        expect(await countUnread(session, roomId, OWN, interval)).toBe(
          undeleted.filter((sequence) => !own.has(sequence)).length,
        );
      }),
      { numRuns: 60 },
    );
  });

  test('are found in a room of which much was deleted', async () => {
    const { session } = keyspace;
    const sequences = Array.from({ length: 1200 }, (_, index) => index + 1);
    const kept = new Set([3, 600, 1100]);
    const roomId = await write(
      session,
      sequences.map((sequence) => [sequence, OTHER, !kept.has(sequence)]),
    );
    const all = { limit: 10, offset: 0 };
    expect(await undeletedSequences(session, roomId, { lower: 0, upper: 1201 }, all)).toEqual([1100, 600, 3]);
    expect(await undeletedSequences(session, roomId, { lower: 3, upper: 1100 }, all)).toEqual([600]);
    expect(await countUnread(session, roomId, OWN, { lower: 2, upper: 1201 })).toBe(3);
  });

  test('are not looked for where there can be none', async () => {
    const { session } = keyspace;
    const far = { limit: 100, offset: 4_294_967_295 * 100 };
    expect(await undeletedSequences(session, randomUUID(), { lower: 0, upper: 11 }, far)).toEqual([]);
    expect(await countDeleted(session, randomUUID(), { lower: 7, upper: 3 })).toBe(0);
    expect(await countUnread(session, randomUUID(), OWN, { lower: 7, upper: 8 })).toBe(0);
  });
});

function down({ lower, upper }: Interval): number[] {
  return Array.from({ length: Math.max(0, upper - lower - 1) }, (_, index) => upper - 1 - index);
}

/** Writes messages of a new room: sequence, sender, whether it is deleted. */
async function write(
  session: ScyllaSession,
  messages: readonly (readonly [number, number, boolean])[],
): Promise<string> {
  const roomId = randomUUID();
  await session.write(
    messages.flatMap(([sequence, sender, deleted]) => [
      {
        partition: `sent ${bucketOf(sequence)}`,
        query: SEND,
        params: [roomId, bucketOf(sequence), sender, sequence],
      },
      ...(deleted
        ? [
            {
              partition: `deleted ${deletedBucketOf(sequence)}`,
              query: DELETE,
              params: [roomId, deletedBucketOf(sequence), sequence, sender],
            },
          ]
        : []),
    ]),
  );
  return roomId;
}
