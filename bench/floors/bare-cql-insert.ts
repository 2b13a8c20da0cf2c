import { randomUUID } from 'node:crypto';
import { types } from 'cassandra-driver';
import { v1 } from 'uuid';
import { CONTENT } from '../environment.ts';
import type { BareCql } from './cql-client.ts';

const COLUMNS = [
  ...['room_id', 'bucket', 'sequence', 'message_id', 'sender_id', 'content', 'type', 'lifetime', 'origin'],
  ...['sender_message_id', 'created_at', 'updated_at'],
];
const INSERT = `INSERT INTO {ks}.messages_by_room (${COLUMNS.join(', ')})
  VALUES (${COLUMNS.map(() => '?').join(', ')}) USING TIMESTAMP ?`;
/** Partitions as large as those of the service. */
const BUCKET = 10_000;

/**
 * The floor of storing in Scylla: the driver's prepared insert of the message's own row, of the usual size, into `rooms` rooms in turn.
 * Nothing is decided, no other table knows of the message.
 */
export function bareCqlInsert(cql: BareCql, rooms: number): () => Promise<void> {
  const ids = Array.from({ length: rooms }, () => randomUUID());
  let stored = 0;
  return async () => {
    const roomId = ids[stored % rooms];
    const sequence = Math.floor(stored / rooms) + 1;
    stored += 1;
    const at = new Date();
    await cql.execute(INSERT, [
      ...[roomId, Math.floor((sequence - 1) / BUCKET), sequence, v1(), 1, CONTENT],
      ...['user_message', 'normal', 'app', randomUUID(), at, at],
      types.Long.fromNumber(at.getTime() * 1000),
    ]);
  };
}
