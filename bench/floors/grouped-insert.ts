import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { v1 } from 'uuid';
import { CONTENT, type SeedRoom } from '../environment.ts';

/** A message as the floor writes it. */
export type BareMessage = {
  readonly id: string;
  readonly roomId: string;
  readonly senderId: number;
  readonly content: string;
  readonly senderMessageId: string;
  readonly eventId: string;
};

/** Stores messages with as little as the result needs. */
export interface BareStore {
  save(message: BareMessage): Promise<void>;
  /** Between measurements: takes away what nobody publishes here. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

/** Stores a message of the usual length by the first member of the room. */
export async function saveBare(store: BareStore, { id, members }: SeedRoom): Promise<void> {
  await store.save({
    id: v1(),
    roomId: id,
    senderId: members[0] ?? 0,
    content: CONTENT,
    senderMessageId: randomUUID(),
    eventId: randomUUID(),
  });
}

/**
 * The floor of storing: the same rows as the service writes (room, room_message, outbox), one statement and one
 * commit for a group, one group in flight while the next collects, one connection. No membership check, no look-up
 * of duplicates, no answer: what is left is what Postgres and its driver cost.
 */
export async function openBareStore(url: string): Promise<BareStore> {
  const client = new Client({ connectionString: url });
  await client.connect();
  let waiting: Waiting[] = [];
  let writing = false;

  async function writeGroups(): Promise<void> {
    writing = true;
    while (waiting.length > 0) {
      const group = waiting.splice(0, MAX_GROUP);
      try {
        await client.query({ name: 'bare-insert', text: INSERT, values: columns(group) });
        for (const { resolve } of group) resolve();
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    writing = false;
  }

  return {
    save(message) {
      return new Promise((resolve, reject) => {
        waiting.push({ message, resolve, reject });
        // Calls of the same turn join the group.
        if (!writing && waiting.length === 1) setImmediate(() => void (writing || writeGroups()));
      });
    },
    async settle() {
      await client.query('TRUNCATE outbox');
    },
    async close() {
      waiting = [];
      await client.end();
    },
  };
}

type Waiting = {
  readonly message: BareMessage;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
};

const MAX_GROUP = 256;

const INSERT = `
WITH input AS (
  SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::text[], $6::uuid[])
    WITH ORDINALITY AS row(id, room_id, sender_id, content, sender_message_id, event_id, position)
), counted AS (
  SELECT room_id, count(*) AS messages FROM input GROUP BY room_id
), taken AS (
  UPDATE room SET last_sequence = last_sequence + messages, last_event = last_event + 2 * messages,
                  "lastMessageAt" = now()
  FROM counted WHERE room.id = counted.room_id
  RETURNING room.id, last_sequence - messages AS sequence, last_event - 2 * messages AS event
), numbered AS (
  SELECT input.*, taken.sequence, taken.event, row_number() OVER (PARTITION BY room_id ORDER BY position) AS n
  FROM input JOIN taken ON taken.id = input.room_id
), stored AS (
  INSERT INTO room_message (id, room_id, sequence, sender_id, content, lifetime, origin, sender_message_id)
  SELECT id, room_id, sequence + n, sender_id, content, 'normal', 'app', sender_message_id FROM numbered
)
INSERT INTO outbox (event_id, subject, room_id, room_event, user_id, message_id)
SELECT event_id, 'CHAT_EVENTS.' || room_id, room_id, event + 2 * n - 1, sender_id, id FROM numbered ORDER BY position`;

function columns(group: readonly Waiting[]): unknown[] {
  const messages = group.map(({ message }) => message);
  return [
    messages.map(({ id }) => id),
    messages.map(({ roomId }) => roomId),
    messages.map(({ senderId }) => senderId),
    messages.map(({ content }) => content),
    messages.map(({ senderMessageId }) => senderMessageId),
    messages.map(({ eventId }) => eventId),
  ];
}
