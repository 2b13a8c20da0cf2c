import pg from 'pg';

/** Rooms 1 to 100 are groups, 101 to 150 p2p rooms of user 1, 151 to 200 channels; user 1 is in all of them. */
export const ROOMS = 200;
export const USERS = 300;

/** The id of a seeded room. */
export const roomId = (room: number): string => `00000000-0000-4000-8000-${String(room).padStart(12, '0')}`;

/** The id of a seeded message. */
export const messageId = (room: number, sequence: number): string =>
  `00000000-0000-1000-8${String(room).padStart(3, '0')}-${String(sequence).padStart(12, '0')}`;

/** 200,000 messages in 200 rooms, one of them large, with everything that hangs on messages, made by the server. */
export async function seedLargeDatabase(url: string): Promise<void> {
  // A connection of its own: those of the service give no statement this much time.
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(SEED);
    await client.query('VACUUM ANALYZE');
  } finally {
    await client.end();
  }
}

const SEED = `
CREATE FUNCTION seed_room(room int) RETURNS uuid LANGUAGE sql IMMUTABLE
  AS $$ SELECT ('00000000-0000-4000-8000-' || lpad(room::text, 12, '0'))::uuid $$;
CREATE FUNCTION seed_message(room int, sequence bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
  AS $$ SELECT ('00000000-0000-1000-8' || lpad(room::text, 3, '0') || '-' || lpad(sequence::text, 12, '0'))::uuid $$;

INSERT INTO "user" (id, name, phone, avatar)
  SELECT u, 'User ' || md5(u::text), '+' || u, u || '.png' FROM generate_series(1, ${USERS}) AS u;

CREATE TEMP TABLE seed AS
  SELECT n, CASE WHEN n = 1 THEN 40800 ELSE 800 END AS messages,
    CASE WHEN n BETWEEN 101 AND 150 THEN 'p2p' WHEN n > 150 THEN 'channel' ELSE 'group' END AS type
  FROM generate_series(1, ${ROOMS}) AS n;

INSERT INTO room (id, name, type, encription_data, p2p_low, p2p_high, last_sequence, last_event, "lastMessageAt", created_at, updated_at)
  SELECT seed_room(n), 'Room ' || n, type, 'key', CASE WHEN type = 'p2p' THEN 1 END, CASE WHEN type = 'p2p' THEN n END,
    messages, 2 * messages, now() - n * interval '1 minute', now() - interval '1 year', now() - interval '1 year'
  FROM seed;

INSERT INTO room_member (room_id, user_id, role, read_sequence, created_at, updated_at)
  SELECT seed_room(n), u, CASE WHEN u = 1 THEN 'OWNER' ELSE 'MEMBER' END, (messages * (u % 10) / 10),
    now() - interval '1 year', now() - interval '1 year'
  FROM seed CROSS JOIN generate_series(1, ${USERS}) AS u
  WHERE u = 1 OR n = 1 OR (type = 'p2p' AND u = n) OR (type <> 'p2p' AND (u + n) % 15 = 0);

INSERT INTO room_read_position (room_id, user_id, sequence, read_at)
  SELECT room_id, user_id, read_sequence * part / 4, now() - interval '1 hour' FROM room_member CROSS JOIN generate_series(1, 4) AS part
  WHERE read_sequence > 0 ON CONFLICT DO NOTHING;

INSERT INTO room_message (id, room_id, sequence, sender_id, content, lifetime, origin, replied_message_id, sender_message_id,
    deleted_at, "isDeleted", created_at, updated_at)
  SELECT seed_message(n, s), seed_room(n), s, CASE WHEN s % 2 = 0 THEN 1 WHEN type = 'p2p' THEN n ELSE s % ${USERS} + 1 END,
    repeat('x', 100), 'normal', 'app', CASE WHEN s % 10 = 0 THEN seed_message(n, s - 1) END, 'm' || n || '-' || s,
    CASE WHEN s % 20 = 7 THEN now() END, s % 20 = 7, now() - n * interval '1 minute' - (messages - s) * interval '5 minutes',
    CASE WHEN s % 20 = 7 THEN now() ELSE now() - n * interval '1 minute' - (messages - s) * interval '5 minutes' END
  FROM seed CROSS JOIN LATERAL generate_series(1, messages) AS s;

INSERT INTO room_message_tag (message_id, user_id, tag)
  SELECT id, 1, '@one' FROM room_message WHERE sequence % 50 = 0;
INSERT INTO room_message_reaction ("messageId", "reactedById", reaction)
  SELECT id, u, 'a' FROM room_message CROSS JOIN generate_series(1, 2) AS u WHERE sequence % 25 = 0`;
