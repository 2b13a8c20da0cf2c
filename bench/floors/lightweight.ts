import { randomUUID } from 'node:crypto';
import { errors, types } from 'cassandra-driver';
import { v1 } from 'uuid';
import type { BareCql } from './cql-client.ts';

const CLAIM = `INSERT INTO {ks}.message_by_sender_message_id (sender_id, sender_message_id, message_id, room_id, sequence)
  VALUES (?, ?, ?, ?, ?) IF NOT EXISTS`;

/** What would decide who was first with a sender's client-side id, were there no Postgres: one lightweight transaction a message. */
export function claimKey(cql: BareCql): () => Promise<void> {
  const roomId = randomUUID();
  return async () => {
    const answer = await cql.execute(CLAIM, [1, randomUUID(), v1(), roomId, 1]);
    if (!answer.wasApplied()) throw new Error('a fresh id was taken');
  };
}

const START = 'INSERT INTO {ks}.room_details (room_id, last_bucket) VALUES (?, 0) IF NOT EXISTS';
const TAKE = 'UPDATE {ks}.room_details SET last_bucket = ? WHERE room_id = ? IF last_bucket = ?';

/** What would number the messages of one room: compare and set on one row, until it succeeds. */
export async function takeNumber(cql: BareCql): Promise<() => Promise<void>> {
  const roomId = randomUUID();
  await cql.execute(START, [roomId]);
  let last = 0;
  return async () => {
    for (;;) {
      const expected = last;
      const answer = await attempt(cql, [expected + 1, roomId, expected]);
      if (answer?.wasApplied() === true) {
        last = Math.max(last, expected + 1);
        return;
      }
      const found = answer?.first()?.get('last_bucket');
      if (typeof found === 'number') last = Math.max(last, found);
    }
  };
}

/** Undefined when others were in the way for so long that nobody knows how it ended. */
async function attempt(cql: BareCql, params: readonly unknown[]): Promise<types.ResultSet | undefined> {
  try {
    return await cql.execute(TAKE, params);
  } catch (error) {
    if (error instanceof errors.ResponseError && error.code === types.responseErrorCodes.writeTimeout)
      return undefined;
    throw error;
  }
}
