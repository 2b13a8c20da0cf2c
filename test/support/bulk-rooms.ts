import type { Sql } from '../../src/repository/postgres/db.ts';

/**
 * Writes rooms of the users 1 to 4 straight to PostgreSQL, each with so many messages, some of them deleted, edited, mentioned and reacted
 * to, and with read positions. Answers their ids in the order of a migration.
 */
export async function writeBulkRooms(sql: Sql, rooms: number, messages: number): Promise<string[]> {
  await sql.query(
    `INSERT INTO "user" (id, name, phone) SELECT i, 'User ' || i, '+' || i FROM generate_series(1, 4) i ON CONFLICT DO NOTHING`,
    [],
  );
  const made = await sql.query<{ id: string }>(
    `INSERT INTO room (name, type, encription_data, last_sequence) SELECT 'Room ' || i, 'group', 'key', $2::bigint
      FROM generate_series(1, $1::int) i RETURNING id`,
    [rooms, messages],
  );
  const ids = made.rows.map(({ id }) => id).sort();
  await sql.query(
    `INSERT INTO room_member (room_id, user_id, role, created_at)
      SELECT r.id, i, (ARRAY['OWNER', 'ADMIN', 'MEMBER', 'MEMBER'])[i], timestamptz '2024-01-01Z' + i * interval '1 second'
      FROM unnest($1::uuid[]) r (id), generate_series(1, 4) i`,
    [ids],
  );
  await sql.query(
    `INSERT INTO room_message (id, room_id, sequence, sender_id, content, lifetime, origin, sender_message_id, created_at, updated_at, deleted_at)
      SELECT gen_random_uuid(), r.id, s, 1 + s % 4, 'text ' || s, 'normal', 'app', r.id || ' ' || s, t.at,
        CASE WHEN s % 5 < 2 THEN t.at + interval '1 hour 1 millisecond' ELSE t.at END,
        CASE WHEN s % 5 = 1 THEN t.at + interval '1 hour 1 millisecond' END
      FROM unnest($1::uuid[]) r (id), generate_series(1, $2::int) s,
        LATERAL (SELECT timestamptz '2024-02-01Z' + s * interval '1.017 seconds' AS at) t`,
    [ids, messages],
  );
  await sql.query(
    `INSERT INTO room_message_reaction ("messageId", "reactedById", reaction, created_at, updated_at)
      SELECT id, 2, '+1', updated_at, updated_at FROM room_message WHERE room_id = ANY ($1::uuid[]) AND sequence % 5 = 0`,
    [ids],
  );
  await sql.query(
    `INSERT INTO room_message_tag (message_id, user_id, tag)
      SELECT id, 3, '@three' FROM room_message WHERE room_id = ANY ($1::uuid[]) AND sequence % 7 = 0`,
    [ids],
  );
  await sql.query(
    `INSERT INTO room_read_position (room_id, user_id, sequence, read_at)
      SELECT r.id, u, s, timestamptz '2024-03-01Z' + s * interval '1 millisecond'
      FROM unnest($1::uuid[]) r (id), generate_series(1, 2) u, generate_series(1, 3) s`,
    [ids],
  );
  return ids;
}
