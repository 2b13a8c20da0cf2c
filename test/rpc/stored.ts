import type { AppParts } from '../../src/app.ts';
import type { Sql } from '../../src/repository/postgres/db.ts';
import { messagePlace, readMessageAt } from '../../src/repository/scylla/message-places.ts';
import { toMutations } from '../../src/repository/scylla/mutations.ts';
import type { ScyllaSession } from '../../src/repository/scylla/session.ts';

/** Looks at what a service has stored, and changes it behind its back. */
export interface Stored {
  /** How many rooms there ever were. */
  rooms(): Promise<number>;
  /** How many rows each table holds, and what is in them; without stream positions, which follow open streams. */
  contents(): Promise<unknown>;
  /** Members, messages and read positions of a room. */
  ofRoom(roomId: string): Promise<unknown>;
  clearText(messageId: string): Promise<string | null | undefined>;
  /** Makes a message so much older. */
  age(messageId: string, seconds: number): Promise<void>;
}

/** For the store that the service uses. */
export function createStored({ db, scylla }: AppParts): Stored {
  const inPostgres = postgresStored(db);
  return scylla === undefined ? inPostgres : scyllaStored(db, scylla.session, inPostgres);
}

function postgresStored(db: Sql): Stored {
  return {
    rooms: async () => (await db.query('SELECT 1 FROM room')).rowCount,

    async contents() {
      const { rows } = await db.query<{ name: string }>(
        `SELECT quote_ident(table_name) AS name FROM information_schema.tables
         WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name <> 'stream_position' ORDER BY 1`,
      );
      const sums = rows.map(async ({ name }) => {
        const sum = `SELECT count(*) AS count, coalesce(sum(hashtext(t::text)), 0) AS sum FROM ${name} t`;
        return [name, (await db.query(sum)).rows];
      });
      return Object.fromEntries(await Promise.all(sums));
    },

    async ofRoom(roomId) {
      const tables = ['room_member', 'room_message', 'room_read_position'];
      const perTable = tables.map(async (table) => {
        const sql = `SELECT t::text FROM ${table} t WHERE room_id = $1 ORDER BY 1`;
        return (await db.query(sql, [roomId])).rows;
      });
      return await Promise.all(perTable);
    },

    async clearText(messageId) {
      const { rows } = await db.query<{ clear: string | null }>(
        'SELECT content_decrypted AS clear FROM room_message WHERE id = $1',
        [messageId],
      );
      return rows[0]?.clear;
    },

    async age(messageId, seconds) {
      await db.query(
        `UPDATE room_message SET created_at = created_at - $2 * interval '1 second',
           updated_at = updated_at - $2 * interval '1 second' WHERE id = $1`,
        [messageId, seconds],
      );
    },
  };
}

const TABLES = [
  ...['room_details', 'participants_by_room', 'rooms_by_user', 'participants_by_join', 'staff_by_room'],
  ...['read_positions_by_member', 'messages_by_room', 'messages_by_sender', 'messages_by_update'],
  ...['deleted_messages_by_room', 'room_by_message', 'message_by_sender_message_id', 'reactions_by_message'],
];

/** Rooms are counted where their heads are. */
function scyllaStored(db: Sql, session: ScyllaSession, inPostgres: Stored): Stored {
  return {
    rooms: inPostgres.rooms,

    async contents() {
      const tables = TABLES.map(async (table) => [
        table,
        await session.read(`SELECT * FROM {ks}.${table}`, []),
      ]);
      return [await inPostgres.contents(), Object.fromEntries(await Promise.all(tables))];
    },

    async ofRoom(roomId) {
      const members = await session.read<{ user_id: number }>(
        'SELECT * FROM {ks}.participants_by_room WHERE room_id = ?',
        [roomId],
      );
      const positions = members.map(
        async ({ user_id }) =>
          await session.read(
            'SELECT * FROM {ks}.read_positions_by_member WHERE room_id = ? AND user_id = ?',
            [...[roomId, user_id]],
          ),
      );
      return [
        members,
        await session.read('SELECT * FROM {ks}.messages_by_room WHERE room_id = ? AND bucket = 0', [roomId]),
        await Promise.all(positions),
      ];
    },

    async clearText(messageId) {
      const place = await messagePlace({ session, sql: db }, messageId);
      const [row] = await session.read<{ clear: string | null }>(
        'SELECT content_decrypted AS clear FROM {ks}.messages_by_room WHERE room_id = ? AND bucket = 0 AND sequence = ?',
        [place?.room_id, place?.sequence],
      );
      return row?.clear;
    },

    async age(messageId, seconds) {
      const place = await messagePlace({ session, sql: db }, messageId);
      const row = place && (await readMessageAt(session, place));
      if (row === undefined) throw new Error('there is no such message');
      const { rows } = await db.query<{ clock: number }>(`SELECT nextval('chat_clock') AS clock`, []);
      const created = new Date(row.created_at.getTime() - 1000 * seconds);
      const updated = new Date(row.updated_at.getTime() - 1000 * seconds).toISOString();
      const clock = rows[0]?.clock ?? 0;
      await session.write([
        ...toMutations({
          table: 'room_message',
          row: {
            ...{ id: row.message_id, room_id: row.room_id, sequence: row.sequence, sender_id: row.sender_id },
            ...{ created_at: created.toISOString(), updated_at: updated },
          },
          old: { updated_at: row.updated_at.toISOString() },
          clock,
        }),
        {
          partition: `messages ${row.room_id} ${row.bucket}`,
          query:
            'UPDATE {ks}.messages_by_room USING TIMESTAMP ? SET created_at = ? WHERE room_id = ? AND bucket = ? AND sequence = ?',
          params: [clock, created, row.room_id, row.bucket, row.sequence],
        },
      ]);
    },
  };
}
