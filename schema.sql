-- The only Postgres DDL. Applied as a whole and repeatable: to the embedded database at start, to a real one by `npm run migrate`.
-- Table and column names of the inherited service are kept where they exist; mixed-case columns are quoted.
-- Timestamps have millisecond precision, so that a client can send back exactly what it was shown.

CREATE EXTENSION IF NOT EXISTS unaccent;

-- The schema's version. The service refuses to start on another one than its own.
CREATE TABLE IF NOT EXISTS chat_schema (
  version int PRIMARY KEY,
  applied_at timestamptz(3) NOT NULL DEFAULT now()
);

-- unaccent() is only STABLE; search needs one name for "letters without accents or case".
CREATE OR REPLACE FUNCTION chat_search_text(value text) RETURNS text
  LANGUAGE sql STABLE STRICT PARALLEL SAFE
  AS $$ SELECT lower(unaccent(value)) $$;

-- Users belong to the host application; UsersService keeps them filled.
CREATE TABLE IF NOT EXISTS "user" (
  id int PRIMARY KEY,
  name text NOT NULL,
  phone text UNIQUE,
  email text,
  avatar text,
  dni text,
  created_at timestamptz(3) DEFAULT now(),
  removed_at timestamptz(3),
  deleted_at timestamptz(3)
);
-- Members of a large room by name.
CREATE INDEX IF NOT EXISTS idx_user_name ON "user" (name, id);

CREATE TABLE IF NOT EXISTS room (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text,
  image text,
  description text,
  type text NOT NULL CHECK (type IN ('p2p', 'group', 'channel')),
  encription_data text,
  join_all_user boolean NOT NULL DEFAULT false,
  send_message boolean NOT NULL DEFAULT true,
  add_member boolean NOT NULL DEFAULT false,
  edit_group boolean NOT NULL DEFAULT false,
  "lastMessageAt" timestamptz(3),
  -- Sequence of the newest message: taken and raised under this row's lock, in the transaction that stores the message.
  last_sequence bigint NOT NULL DEFAULT 0,
  -- Number of the newest event of the room, likewise.
  last_event bigint NOT NULL DEFAULT 0,
  -- The two users of a p2p room, lower id first.
  p2p_low int,
  p2p_high int,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  deleted_at timestamptz(3),
  CHECK ((type = 'p2p') = (p2p_low IS NOT NULL AND p2p_high IS NOT NULL)),
  CHECK (p2p_low < p2p_high)
  -- Every send updates its room: with room on the page, and no index on what a send changes, that touches no index.
) WITH (fillfactor = 60);
CREATE INDEX IF NOT EXISTS idx_room_type ON room (type);
-- One undeleted p2p room per pair of users.
CREATE UNIQUE INDEX IF NOT EXISTS uq_room_p2p_pair ON room (p2p_low, p2p_high) WHERE type = 'p2p' AND deleted_at IS NULL;

-- One row per user and room for ever: leaving sets removed_at, coming back clears it.
CREATE TABLE IF NOT EXISTS room_member (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  room_id uuid NOT NULL REFERENCES room ON DELETE CASCADE,
  user_id int NOT NULL REFERENCES "user",
  role text NOT NULL DEFAULT 'MEMBER' CHECK (role IN ('OWNER', 'ADMIN', 'MEMBER')),
  is_pinned boolean NOT NULL DEFAULT false,
  is_muted boolean NOT NULL DEFAULT false,
  is_partner_blocked boolean NOT NULL DEFAULT false,
  -- Every message up to and including this sequence is read.
  read_sequence bigint NOT NULL DEFAULT 0,
  -- Messages up to this sequence came before the (latest) join: they never count as unread.
  join_sequence bigint NOT NULL DEFAULT 0,
  -- Room events up to this number came before the (latest) join: they are never delivered.
  join_event bigint NOT NULL DEFAULT 0,
  -- Time of the (latest) join.
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  removed_at timestamptz(3),
  deleted_at timestamptz(3)
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_room_member_room_user ON room_member (room_id, user_id);
CREATE INDEX IF NOT EXISTS idx_room_member_user ON room_member (user_id, room_id);
CREATE INDEX IF NOT EXISTS idx_room_member_removed ON room_member (removed_at);
CREATE INDEX IF NOT EXISTS idx_room_member_active ON room_member (user_id, room_id) WHERE removed_at IS NULL AND deleted_at IS NULL;
-- The two furthest readers of a room decide whether a message is READ for its author.
-- Partial, so that it is never mistaken for a way to find one member of a room: a query must say read_sequence > 0.
CREATE INDEX IF NOT EXISTS idx_room_member_read ON room_member (room_id, read_sequence DESC) WHERE read_sequence > 0;
-- The most recent joiners of a room.
CREATE INDEX IF NOT EXISTS idx_room_member_joined ON room_member (room_id, created_at DESC, user_id) WHERE removed_at IS NULL AND deleted_at IS NULL;

-- The times at which a member's read position moved: who read a message, and when, is derived from them.
CREATE TABLE IF NOT EXISTS room_read_position (
  room_id uuid NOT NULL REFERENCES room ON DELETE CASCADE,
  user_id int NOT NULL REFERENCES "user",
  sequence bigint NOT NULL,
  read_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (room_id, user_id, sequence)
);

CREATE TABLE IF NOT EXISTS room_message (
  -- Time-based (version 1), made by the service.
  id uuid PRIMARY KEY,
  -- No foreign keys here, the one table where each insert counts: whoever inserts holds the room's lock and has found the
  -- sender's row in room_member, which has them.
  room_id uuid NOT NULL,
  -- 1, 2, 3 … in each room, in commit order.
  sequence bigint NOT NULL,
  sender_id int NOT NULL,
  content text,
  -- Only with STORE_PLAINTEXT=true.
  content_decrypted text,
  audio_transcription text,
  status int NOT NULL DEFAULT 2,
  type text NOT NULL DEFAULT 'user_message',
  lifetime text,
  location_name text,
  location_latitude double precision,
  location_longitude double precision,
  origin text,
  contact_id int,
  contact_name text,
  contact_phone text,
  file text,
  edited boolean NOT NULL DEFAULT false,
  "isDeleted" boolean NOT NULL DEFAULT false,
  replied_message_id uuid,
  forwarded_message_id uuid,
  forwarded_message_original_sender int,
  event text,
  sender_message_id text,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  deleted_at timestamptz(3)
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_room_message_sequence ON room_message (room_id, sequence);
CREATE UNIQUE INDEX IF NOT EXISTS uq_room_message_sender_message_id ON room_message (sender_id, sender_message_id) WHERE sender_message_id IS NOT NULL;
-- Own messages behind the read position: unread counts leave them out. Partial only in name: while the table is empty all indexes
-- cost the same, and no other look-up may be planned over this one.
CREATE INDEX IF NOT EXISTS idx_room_message_sender ON room_message (room_id, sender_id, sequence) WHERE sequence > 0;
-- How many messages a history holds: sequences have no gaps, so the deleted ones alone are counted.
CREATE INDEX IF NOT EXISTS idx_room_message_deleted ON room_message (room_id, sequence) INCLUDE (sender_id) WHERE deleted_at IS NOT NULL;
-- Date filters and sync.
CREATE INDEX IF NOT EXISTS idx_room_message_updated ON room_message (room_id, updated_at);

CREATE TABLE IF NOT EXISTS room_message_tag (
  message_id uuid NOT NULL REFERENCES room_message ON DELETE CASCADE,
  user_id int NOT NULL REFERENCES "user",
  tag text NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  deleted_at timestamptz(3),
  PRIMARY KEY (message_id, user_id, tag)
);

CREATE TABLE IF NOT EXISTS room_message_reaction (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  "messageId" uuid NOT NULL REFERENCES room_message ON DELETE CASCADE,
  "reactedById" int NOT NULL REFERENCES "user",
  reaction text,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  deleted_at timestamptz(3)
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_reaction_message_user ON room_message_reaction ("messageId", "reactedById") WHERE deleted_at IS NULL;

CREATE TABLE IF NOT EXISTS messaging_token (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  token text NOT NULL,
  token_voip text,
  platform text,
  platform_version text,
  device text,
  lang text,
  is_voip boolean NOT NULL DEFAULT false,
  debug boolean NOT NULL DEFAULT false,
  user_id int NOT NULL REFERENCES "user",
  created_at timestamptz(3) NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS idx_messaging_token_user ON messaging_token (user_id);
CREATE INDEX IF NOT EXISTS idx_messaging_token_token ON messaging_token (token);
CREATE UNIQUE INDEX IF NOT EXISTS uq_messaging_token_device ON messaging_token (user_id, device, platform) WHERE device <> '';
CREATE UNIQUE INDEX IF NOT EXISTS uq_messaging_token_token ON messaging_token (user_id, token) WHERE device = '';

-- Events that are committed and not published yet. Written in the transaction that causes them, read and deleted by the dispatcher.
CREATE TABLE IF NOT EXISTS outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id uuid NOT NULL,
  subject text NOT NULL,
  room_id uuid NOT NULL,
  -- Number of the event in its room; for an entry of a sent message that of the first of its two events.
  room_event bigint NOT NULL,
  -- The acting user.
  user_id int NOT NULL,
  -- The binary MessageEvent; null for a sent message, which is read from room_message when it is published.
  payload bytea,
  message_id uuid,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  CHECK ((payload IS NULL) <> (message_id IS NULL))
  -- Rows live for milliseconds: clean up by count, not by share.
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- Notifications that are committed and not sent yet.
CREATE TABLE IF NOT EXISTS notification_outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  notification json NOT NULL,
  client json NOT NULL,
  attempt int NOT NULL DEFAULT 0,
  due_at timestamptz(3) NOT NULL DEFAULT now(),
  created_at timestamptz(3) NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
CREATE INDEX IF NOT EXISTS idx_notification_outbox_due ON notification_outbox (due_at);
-- A room's topic jobs are sent one after another, in the order in which they were written.
CREATE INDEX IF NOT EXISTS idx_notification_outbox_topic ON notification_outbox ((notification->>'roomId'), id)
  WHERE notification->>'kind' <> 'push';

-- Where the server stopped writing to a client's stream.
CREATE TABLE IF NOT EXISTS stream_position (
  user_id int NOT NULL,
  client_id text NOT NULL,
  epoch text NOT NULL,
  sequence bigint NOT NULL,
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, client_id)
);
CREATE INDEX IF NOT EXISTS idx_stream_position_updated ON stream_position (updated_at);

-- Stores a group of sent messages: sequences, mentions, outbox and push jobs included, in one round trip.
-- Answers a row for each input row: 'stored', or 'duplicate' when the sender used that sender_message_id before (then with the
-- first message's id); none when the sender is not an active member of an undeleted room.
-- One element of each array for each message, numbered from 1 in `ord`. `keys`: sender_message_id or null; the caller sees to it that no
-- (sender, key) is there twice. `extras`: null, or a JSON object with what few messages have. `clients`: null, or the client for a push job.
-- Arrays, not one JSON document: taking that apart would cost more than all look-ups together.
CREATE OR REPLACE FUNCTION chat_save_messages(
  ids uuid[], rooms uuid[], senders int[], contents text[], keys text[], extras text[], clients text[]
)
  RETURNS TABLE (
    ord int, outcome text, message_id uuid, sequence bigint, created_at timestamptz,
    sender_name text, sender_phone text, sender_avatar text, contact_id int
  )
  LANGUAGE plpgsql
  -- A plan that was made while the tables were small must not scan them when they are large.
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
  -- The plan never depends on the values, and making it would take longer than running it.
  SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
  stored_at timestamptz(3);
BEGIN
  -- The same message, sent twice at once through two instances: the second waits here and then finds the first.
  PERFORM pg_advisory_xact_lock(k.sender, k.hash) FROM (
    SELECT DISTINCT u.sender, hashtext(u.key) AS hash FROM unnest(senders, keys) AS u (sender, key)
    WHERE u.key IS NOT NULL ORDER BY 1, 2
  ) AS k;
  -- Everything that numbers messages or events, or changes members, holds its room; in the order of ids nobody waits in a circle.
  PERFORM 1 FROM room WHERE room.id = ANY (rooms) ORDER BY room.id FOR NO KEY UPDATE;
  -- Not now(): the transaction may have begun before the message that precedes this one.
  stored_at := date_trunc('milliseconds', clock_timestamp());

  RETURN QUERY
  WITH item AS MATERIALIZED (
    SELECT i.ord::int, i.id, i.room_id, i.sender_id, i.content, i.sender_message_id, i.extra::json, i.client::json
    FROM unnest(ids, rooms, senders, contents, keys, extras, clients) WITH ORDINALITY
      AS i (id, room_id, sender_id, content, sender_message_id, extra, client, ord)
  ), known AS MATERIALIZED (
    SELECT item.ord, m.id, m.sequence
    FROM item
    CROSS JOIN LATERAL (
      SELECT x.id, x.sequence FROM room_message x
      WHERE x.sender_id = item.sender_id AND x.sender_message_id = item.sender_message_id OFFSET 0
    ) m
    WHERE item.sender_message_id IS NOT NULL
  ), fresh AS MATERIALIZED (
    SELECT item.*, u.name, u.phone, u.avatar,
      CASE WHEN item.extra ->> 'contact_phone' IS NOT NULL THEN (
        SELECT c.id FROM "user" c WHERE c.phone = item.extra ->> 'contact_phone' AND c.removed_at IS NULL AND c.deleted_at IS NULL
      ) END AS contact_id,
      r.last_sequence + row_number() OVER (PARTITION BY item.room_id ORDER BY item.ord) AS sequence,
      r.last_event + 2 * row_number() OVER (PARTITION BY item.room_id ORDER BY item.ord) - 1 AS room_event
    -- Each by its key alone, in this order: with more conditions, a plan might walk through all rooms, or all members of one.
    FROM item
    CROSS JOIN LATERAL (
      SELECT x.last_sequence, x.last_event, x.deleted_at FROM room x WHERE x.id = item.room_id OFFSET 0
    ) r
    CROSS JOIN LATERAL (
      SELECT x.removed_at, x.deleted_at FROM room_member x
      WHERE x.room_id = item.room_id AND x.user_id = item.sender_id OFFSET 0
    ) m
    CROSS JOIN LATERAL (
      SELECT x.name, x.phone, x.avatar FROM "user" x WHERE x.id = item.sender_id OFFSET 0
    ) u
    WHERE r.deleted_at IS NULL AND m.removed_at IS NULL AND m.deleted_at IS NULL
      AND NOT EXISTS (SELECT FROM known WHERE known.ord = item.ord)
  ), numbered AS (
    UPDATE room SET last_sequence = room.last_sequence + n.sent, last_event = room.last_event + 2 * n.sent,
      "lastMessageAt" = stored_at
    FROM (SELECT fresh.room_id, count(*) AS sent FROM fresh GROUP BY fresh.room_id) AS n
    WHERE room.id = n.room_id
  ), message AS (
    INSERT INTO room_message (
      id, room_id, sequence, sender_id, content, content_decrypted, lifetime, origin, replied_message_id,
      forwarded_message_id, forwarded_message_original_sender, location_name, location_latitude, location_longitude,
      contact_id, contact_name, contact_phone, file, event, sender_message_id, created_at, updated_at
    )
    SELECT f.id, f.room_id, f.sequence, f.sender_id, f.content, f.extra ->> 'content_decrypted',
      coalesce(f.extra ->> 'lifetime', 'normal'), coalesce(f.extra ->> 'origin', 'app'), (f.extra ->> 'reply_id')::uuid,
      (f.extra ->> 'forward_id')::uuid, (f.extra ->> 'forward_sender')::int, f.extra ->> 'location_name',
      (f.extra ->> 'location_latitude')::float8, (f.extra ->> 'location_longitude')::float8,
      f.contact_id, f.extra ->> 'contact_name', f.extra ->> 'contact_phone', f.extra ->> 'file', f.extra ->> 'event',
      f.sender_message_id, stored_at, stored_at
    FROM fresh f
  ), mention AS (
    INSERT INTO room_message_tag (message_id, user_id, tag, created_at)
    SELECT f.id, t.user_id, t.tag, stored_at
    FROM fresh f CROSS JOIN LATERAL json_to_recordset(f.extra -> 'mentions') AS t (user_id int, tag text)
    WHERE f.extra -> 'mentions' IS NOT NULL
    ON CONFLICT DO NOTHING
  ), announced AS (
    INSERT INTO outbox (event_id, subject, room_id, room_event, user_id, message_id, created_at)
    SELECT gen_random_uuid(), 'CHAT_EVENTS.' || f.room_id, f.room_id, f.room_event, f.sender_id, f.id, stored_at
    FROM fresh f ORDER BY f.ord
  ), pushed AS (
    INSERT INTO notification_outbox (notification, client, due_at, created_at)
    SELECT json_build_object('kind', 'push', 'roomId', f.room_id, 'messageId', f.id, 'senderId', f.sender_id),
      f.client, stored_at, stored_at
    FROM fresh f WHERE f.client IS NOT NULL ORDER BY f.ord
  )
  SELECT f.ord, 'stored', f.id, f.sequence, stored_at::timestamptz, f.name, f.phone, f.avatar, f.contact_id FROM fresh f
  UNION ALL
  SELECT k.ord, 'duplicate', k.id, k.sequence, NULL, NULL, NULL, NULL, NULL FROM known k;
END
$$;

-- Moves a member's read position and announces it, in one round trip. `payloads` are the events, without their numbers.
-- Answers how many undeleted messages by others became read; NULL when the user is not an active member of the undeleted room
-- or one of `messages` is not an undeleted message of it.
CREATE OR REPLACE FUNCTION chat_mark_read(
  in_room uuid, reader int, messages uuid[], position_to bigint, event_ids uuid[], payloads bytea[]
) RETURNS bigint
  LANGUAGE plpgsql
  SET enable_seqscan = off
AS $$
DECLARE
  marked_at timestamptz(3);
  first_event bigint;
  old_position bigint;
  joined bigint;
  is_active boolean;
BEGIN
  SELECT last_event + 1 INTO first_event FROM room WHERE id = in_room AND deleted_at IS NULL FOR NO KEY UPDATE;
  IF NOT FOUND THEN RETURN NULL; END IF;
  SELECT read_sequence, join_sequence, removed_at IS NULL AND deleted_at IS NULL INTO old_position, joined, is_active
    FROM room_member WHERE room_id = in_room AND user_id = reader;
  IF is_active IS NOT TRUE THEN RETURN NULL; END IF;
  -- By their keys alone, as above.
  IF cardinality(messages) <> (
    SELECT count(*) FROM unnest(messages) AS i (id)
    CROSS JOIN LATERAL (SELECT x.room_id, x.deleted_at FROM room_message x WHERE x.id = i.id OFFSET 0) m
    WHERE m.room_id = in_room AND m.deleted_at IS NULL
  ) THEN RETURN NULL; END IF;
  marked_at := date_trunc('milliseconds', clock_timestamp());

  IF position_to > old_position THEN
    UPDATE room_member SET read_sequence = position_to WHERE room_id = in_room AND user_id = reader;
    INSERT INTO room_read_position (room_id, user_id, sequence, read_at) VALUES (in_room, reader, position_to, marked_at)
      ON CONFLICT DO NOTHING;
  END IF;
  IF cardinality(event_ids) > 0 THEN
    UPDATE room SET last_event = last_event + cardinality(event_ids) WHERE id = in_room;
    INSERT INTO outbox (event_id, subject, room_id, room_event, user_id, payload, created_at)
      SELECT e.event_id, 'CHAT_EVENTS.' || in_room, in_room, first_event + e.n - 1, reader, e.payload, marked_at
      FROM unnest(event_ids, payloads) WITH ORDINALITY AS e (event_id, payload, n) ORDER BY e.n;
  END IF;
  RETURN (
    SELECT count(*) FROM room_message
    WHERE room_id = in_room AND sequence > greatest(old_position, joined) AND sequence <= position_to
      AND sender_id <> reader AND deleted_at IS NULL
  );
END
$$;

INSERT INTO chat_schema (version) VALUES (1) ON CONFLICT DO NOTHING;
