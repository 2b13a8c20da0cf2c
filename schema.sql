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

-- How often a user was removed or came back: views of rooms show no removed members, so one that was made before may be wrong now.
-- Names are not counted: a cached view holds none.
CREATE TABLE IF NOT EXISTS user_activity (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  changes bigint NOT NULL DEFAULT 0
);
INSERT INTO user_activity DEFAULT VALUES ON CONFLICT DO NOTHING;

CREATE OR REPLACE FUNCTION chat_count_activity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- In the transaction of the change: nobody sees the one without the other.
  IF EXISTS (
    SELECT FROM fresh n JOIN former o ON o.id = n.id
    WHERE (n.removed_at IS NULL AND n.deleted_at IS NULL) <> (o.removed_at IS NULL AND o.deleted_at IS NULL)
  ) THEN UPDATE user_activity SET changes = changes + 1; END IF;
  RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER count_activity AFTER UPDATE ON "user"
  REFERENCING NEW TABLE AS fresh OLD TABLE AS former FOR EACH STATEMENT EXECUTE FUNCTION chat_count_activity();

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
  -- Where Scylla leads: how often the room or a member changed without an event (a pin, a block). With last_event it tells a cached view
  -- that it is old.
  quiet_changes bigint NOT NULL DEFAULT 0,
  -- The furthest reader and the furthest one beside him: they decide whether an author sees READ. 0: nobody.
  reader1_id int,
  reader1_sequence bigint NOT NULL DEFAULT 0,
  reader2_id int,
  reader2_sequence bigint NOT NULL DEFAULT 0,
  -- No message of the room was edited, deleted or reacted to after this.
  touched_at timestamptz(3) NOT NULL DEFAULT now(),
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
ALTER TABLE room
  ADD COLUMN IF NOT EXISTS reader1_id int,
  ADD COLUMN IF NOT EXISTS reader1_sequence bigint NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS reader2_id int,
  ADD COLUMN IF NOT EXISTS reader2_sequence bigint NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS touched_at timestamptz(3) NOT NULL DEFAULT now(),
  ADD COLUMN IF NOT EXISTS quiet_changes bigint NOT NULL DEFAULT 0;
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
  -- Nothing is published before what it tells of is in Scylla: the newest entry of scylla_change that it waits for.
  change_id bigint,
  -- W3C traceparent of what caused the event, when that is traced.
  trace_context text,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  CHECK ((payload IS NULL) <> (message_id IS NULL))
  -- Rows live for milliseconds: clean up by count, not by share.
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

ALTER TABLE outbox
  ADD COLUMN IF NOT EXISTS change_id bigint,
  ADD COLUMN IF NOT EXISTS trace_context text;

-- Which store holds what (docs/scylla.md).
CREATE TABLE IF NOT EXISTS chat_store (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  -- Who has everything: `scylla` once rooms and messages are written there alone.
  leader text NOT NULL DEFAULT 'postgres' CHECK (leader IN ('postgres', 'scylla')),
  -- Since when every change is noted in scylla_change by the triggers below; NULL: none is.
  mirror_since timestamptz(3),
  -- When a migration was complete that began after mirror_since: Scylla has, or is about to have, everything.
  migrated_at timestamptz(3)
);
INSERT INTO chat_store DEFAULT VALUES ON CONFLICT DO NOTHING;

-- Write timestamps of Scylla: taken under a room's lock, so they grow with the changes of the room. Of the size of microseconds since 1970
-- and set to at least the present at each start: so they also pass those of a database that was restored from a backup.
CREATE SEQUENCE IF NOT EXISTS chat_clock AS bigint START WITH 1700000000000000;

-- Changes that are committed and not in Scylla yet, in the order of their rooms. Written in the transaction that causes them, deleted when
-- Scylla has them. Applying one twice, or after a later one, changes nothing.
CREATE TABLE IF NOT EXISTS scylla_change (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  room_id uuid NOT NULL,
  clock bigint NOT NULL,
  -- Table, row and what it was before: src/repository/scylla/changes.ts.
  change json NOT NULL,
  -- Of a new message: its id, its author and his client-side id.
  message_id uuid,
  sender_id int,
  sender_message_id text,
  created_at timestamptz(3) NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
CREATE INDEX IF NOT EXISTS idx_scylla_change_room ON scylla_change (room_id, id);
CREATE INDEX IF NOT EXISTS idx_scylla_change_key ON scylla_change (sender_id, sender_message_id) WHERE sender_message_id IS NOT NULL;

-- Where a migration to Scylla is, room by room. All rooms done: the next one starts anew.
CREATE TABLE IF NOT EXISTS scylla_migration (
  room_id uuid PRIMARY KEY,
  -- When it began; NULL: changes were not noted in scylla_change then.
  begun_at timestamptz(3),
  -- Write timestamp of the room's rows, taken under its lock; what they replace is deleted at one less. NULL: the room has not begun.
  clock bigint,
  -- Messages up to this sequence are there; above 0 the members are, too.
  sequence bigint NOT NULL DEFAULT 0,
  -- Messages among those that Scylla refused.
  skipped int NOT NULL DEFAULT 0,
  done boolean NOT NULL DEFAULT false,
  updated_at timestamptz(3) NOT NULL DEFAULT now()
);

-- Notifications that are committed and not sent yet.
CREATE TABLE IF NOT EXISTS notification_outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  notification json NOT NULL,
  client json NOT NULL,
  attempt int NOT NULL DEFAULT 0,
  -- A push reads its message, so it waits until that is in Scylla: see outbox.
  change_id bigint,
  -- Not rounded up: a job is due at once.
  due_at timestamptz(3) NOT NULL DEFAULT date_trunc('milliseconds', now()),
  created_at timestamptz(3) NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
ALTER TABLE notification_outbox
  ADD COLUMN IF NOT EXISTS change_id bigint,
  ALTER COLUMN due_at SET DEFAULT date_trunc('milliseconds', now());
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
    INSERT INTO outbox (event_id, subject, room_id, room_event, user_id, message_id, created_at, trace_context)
    SELECT gen_random_uuid(), 'CHAT_EVENTS.' || f.room_id, f.room_id, f.room_event, f.sender_id, f.id, stored_at,
      f.extra ->> 'trace_context'
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

-- Keeps the two furthest readers of a room, which the caller has locked: a member has read up to a sequence.
CREATE OR REPLACE FUNCTION chat_move_readers(in_room uuid, reader int, position_to bigint) RETURNS void
  LANGUAGE sql
AS $$
  UPDATE room SET
    reader1_id = CASE WHEN position_to > reader1_sequence OR reader1_id = reader THEN reader ELSE reader1_id END,
    reader1_sequence = greatest(reader1_sequence, position_to),
    -- Whoever was first is second now, unless it is the same one; else the second place may be had.
    reader2_id = CASE WHEN reader1_id = reader THEN reader2_id WHEN position_to > reader1_sequence THEN reader1_id
      WHEN position_to > reader2_sequence THEN reader ELSE reader2_id END,
    reader2_sequence = CASE WHEN reader1_id = reader THEN reader2_sequence WHEN position_to > reader1_sequence THEN reader1_sequence
      ELSE greatest(reader2_sequence, position_to) END
  WHERE id = in_room AND (position_to > reader2_sequence OR reader = reader1_id)
$$;

-- Replaced by the next one in version 3; an instance of version 2 that still runs calls that without `trace`.
DROP FUNCTION IF EXISTS chat_mark_read(uuid, int, uuid[], bigint, uuid[], bytea[]);

-- Moves a member's read position and announces it, in one round trip. `payloads` are the events, without their numbers.
-- Answers how many undeleted messages by others became read; NULL when the user is not an active member of the undeleted room
-- or one of `messages` is not an undeleted message of it.
CREATE OR REPLACE FUNCTION chat_mark_read(
  in_room uuid, reader int, messages uuid[], position_to bigint, event_ids uuid[], payloads bytea[], trace text DEFAULT NULL
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
    PERFORM chat_move_readers(in_room, reader, position_to);
  END IF;
  IF cardinality(event_ids) > 0 THEN
    UPDATE room SET last_event = last_event + cardinality(event_ids) WHERE id = in_room;
    INSERT INTO outbox (event_id, subject, room_id, room_event, user_id, payload, created_at, trace_context)
      SELECT e.event_id, 'CHAT_EVENTS.' || in_room, in_room, first_event + e.n - 1, reader, e.payload, marked_at, trace
      FROM unnest(event_ids, payloads) WITH ORDINALITY AS e (event_id, payload, n) ORDER BY e.n;
  END IF;
  RETURN (
    SELECT count(*) FROM room_message
    WHERE room_id = in_room AND sequence > greatest(old_position, joined) AND sequence <= position_to
      AND sender_id <> reader AND deleted_at IS NULL
  );
END
$$;

-- Locks what numbers or decides something in rooms, for a service whose rooms are in Scylla, and tells what PostgreSQL knows about them:
-- `at` and `clock` of the change, the rooms, messages with one of the (sender, key) pairs and changes of the rooms that Scylla may lack,
-- profiles of `users` and who has which of `phones`.
CREATE OR REPLACE FUNCTION chat_lock(rooms uuid[], senders int[], keys text[], users int[], phones text[]) RETURNS json
  LANGUAGE plpgsql
AS $$
BEGIN
  -- As in chat_save_messages: first the keys, then the rooms, each in one order for everybody.
  PERFORM pg_advisory_xact_lock(k.sender, k.hash) FROM (
    SELECT DISTINCT u.sender, hashtext(u.key) AS hash FROM unnest(senders, keys) AS u (sender, key)
    WHERE u.key IS NOT NULL ORDER BY 1, 2
  ) AS k;
  PERFORM 1 FROM room WHERE room.id = ANY (rooms) ORDER BY room.id FOR NO KEY UPDATE;
  RETURN json_build_object(
    'at', date_trunc('milliseconds', clock_timestamp()),
    'clock', nextval('chat_clock'),
    'rooms', (SELECT json_agg(json_build_object('id', r.id, 'last_sequence', r.last_sequence, 'last_event', r.last_event,
        'p2p_low', r.p2p_low, 'p2p_high', r.p2p_high,
        'reader1_id', r.reader1_id, 'reader1_sequence', r.reader1_sequence,
        'reader2_id', r.reader2_id, 'reader2_sequence', r.reader2_sequence))
      FROM room r WHERE r.id = ANY (rooms) AND r.deleted_at IS NULL),
    'pending', (SELECT json_agg(json_build_array(c.id, c.room_id, c.change ->> 'table') ORDER BY c.id) FROM scylla_change c WHERE c.room_id = ANY (rooms)),
    'sent', (SELECT json_agg(json_build_array(c.sender_id, c.sender_message_id, c.message_id, c.room_id) ORDER BY c.id)
      FROM unnest(senders, keys) AS u (sender, key)
      JOIN scylla_change c ON c.sender_id = u.sender AND c.sender_message_id = u.key),
    'profiles', (SELECT json_agg(json_build_array(u.id, u.name, u.phone, u.avatar)) FROM "user" u WHERE u.id = ANY (users)),
    'contacts', (SELECT json_agg(json_build_array(u.phone, u.id)) FROM "user" u
      WHERE u.phone = ANY (phones) AND u.removed_at IS NULL AND u.deleted_at IS NULL)
  );
END
$$;

-- Notes what changed while Scylla follows PostgreSQL; see chat_store.mirror_since. A change is one row, as JSON, with the columns of its table.
-- An instance that still writes here while Scylla leads is stopped: nobody would see what it writes.
CREATE OR REPLACE FUNCTION chat_is_mirrored() RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
  store chat_store;
BEGIN
  SELECT * INTO store FROM chat_store;
  IF store.leader = 'scylla' THEN RAISE EXCEPTION 'rooms and messages are in Scylla alone'; END IF;
  RETURN store.mirror_since IS NOT NULL;
END
$$;

CREATE OR REPLACE FUNCTION chat_note_change(in_room uuid, in_change json) RETURNS void
  LANGUAGE sql
  AS $$ INSERT INTO scylla_change (room_id, clock, change) VALUES (in_room, nextval('chat_clock'), in_change) $$;

CREATE OR REPLACE FUNCTION chat_note_rooms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- Where Scylla leads, this is the head of a room that is there.
  IF (SELECT mirror_since FROM chat_store) IS NULL THEN RETURN NULL; END IF;
  PERFORM chat_note_change(n.id, json_build_object('table', 'room', 'row', to_json(n))) FROM fresh n;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION chat_note_changed_rooms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT mirror_since FROM chat_store) IS NULL THEN RETURN NULL; END IF;
  -- Each message moves counters and times that Scylla does not have.
  PERFORM chat_note_change(n.id, json_build_object('table', 'room', 'row', to_json(n)))
  FROM fresh n JOIN former o ON o.id = n.id
  WHERE (n.name, n.description, n.image, n.encription_data, n.join_all_user, n.send_message, n.add_member, n.edit_group,
      n.reader1_id, n.reader1_sequence, n.reader2_id, n.reader2_sequence, n.updated_at, n.deleted_at)
    IS DISTINCT FROM (o.name, o.description, o.image, o.encription_data, o.join_all_user, o.send_message, o.add_member, o.edit_group,
      o.reader1_id, o.reader1_sequence, o.reader2_id, o.reader2_sequence, o.updated_at, o.deleted_at);
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION chat_note_members() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT chat_is_mirrored() THEN RETURN NULL; END IF;
  PERFORM chat_note_change(n.room_id, json_build_object('table', 'room_member', 'row', to_json(n))) FROM fresh n;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION chat_note_changed_members() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT chat_is_mirrored() THEN RETURN NULL; END IF;
  PERFORM chat_note_change(n.room_id, json_build_object('table', 'room_member', 'row', to_json(n), 'old', json_build_object(
    'role', o.role, 'created_at', o.created_at, 'removed_at', o.removed_at, 'deleted_at', o.deleted_at)))
  FROM fresh n JOIN former o ON o.id = n.id;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION chat_note_messages() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT chat_is_mirrored() THEN RETURN NULL; END IF;
  INSERT INTO scylla_change (room_id, clock, change, message_id, sender_id, sender_message_id)
    SELECT n.room_id, nextval('chat_clock'), json_build_object('table', 'room_message', 'row', to_json(n)),
      n.id, n.sender_id, n.sender_message_id
    FROM fresh n ORDER BY n.room_id, n.sequence;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION chat_note_changed_messages() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT chat_is_mirrored() THEN RETURN NULL; END IF;
  PERFORM chat_note_change(n.room_id, json_build_object('table', 'room_message', 'row', to_json(n),
    'old', json_build_object('updated_at', o.updated_at)))
  FROM fresh n JOIN former o ON o.id = n.id;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION chat_note_mentions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT chat_is_mirrored() THEN RETURN NULL; END IF;
  PERFORM chat_note_change(m.room_id, json_build_object('table', 'room_message_tag', 'row', json_build_object(
    'message_id', m.id, 'room_id', m.room_id, 'sequence', m.sequence, 'user_id', n.user_id, 'tag', n.tag)))
  FROM fresh n JOIN room_message m ON m.id = n.message_id WHERE n.deleted_at IS NULL;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION chat_note_reactions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT chat_is_mirrored() THEN RETURN NULL; END IF;
  PERFORM chat_note_change(m.room_id, json_build_object('table', 'room_message_reaction', 'row', json_build_object(
    'message_id', m.id, 'room_id', m.room_id, 'sequence', m.sequence, 'user_id', n."reactedById", 'reaction', n.reaction,
    'created_at', n.created_at, 'updated_at', n.updated_at, 'deleted_at', n.deleted_at)))
  FROM fresh n JOIN room_message m ON m.id = n."messageId";
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION chat_note_positions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT chat_is_mirrored() THEN RETURN NULL; END IF;
  PERFORM chat_note_change(n.room_id, json_build_object('table', 'room_read_position', 'row', to_json(n))) FROM fresh n;
  RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER note_rooms AFTER INSERT ON room
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION chat_note_rooms();
CREATE OR REPLACE TRIGGER note_changed_rooms AFTER UPDATE ON room
  REFERENCING NEW TABLE AS fresh OLD TABLE AS former FOR EACH STATEMENT EXECUTE FUNCTION chat_note_changed_rooms();
CREATE OR REPLACE TRIGGER note_members AFTER INSERT ON room_member
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION chat_note_members();
CREATE OR REPLACE TRIGGER note_changed_members AFTER UPDATE ON room_member
  REFERENCING NEW TABLE AS fresh OLD TABLE AS former FOR EACH STATEMENT EXECUTE FUNCTION chat_note_changed_members();
CREATE OR REPLACE TRIGGER note_messages AFTER INSERT ON room_message
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION chat_note_messages();
CREATE OR REPLACE TRIGGER note_changed_messages AFTER UPDATE ON room_message
  REFERENCING NEW TABLE AS fresh OLD TABLE AS former FOR EACH STATEMENT EXECUTE FUNCTION chat_note_changed_messages();
CREATE OR REPLACE TRIGGER note_mentions AFTER INSERT ON room_message_tag
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION chat_note_mentions();
CREATE OR REPLACE TRIGGER note_reactions AFTER INSERT ON room_message_reaction
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION chat_note_reactions();
CREATE OR REPLACE TRIGGER note_changed_reactions AFTER UPDATE ON room_message_reaction
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION chat_note_reactions();
CREATE OR REPLACE TRIGGER note_positions AFTER INSERT ON room_read_position
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION chat_note_positions();

-- Version 2: the furthest readers of rooms that are older than their columns.
UPDATE room SET reader1_id = f.ids[1], reader1_sequence = f.positions[1],
    reader2_id = f.ids[2], reader2_sequence = coalesce(f.positions[2], 0)
FROM (
  SELECT room_id, array_agg(user_id ORDER BY read_sequence DESC) AS ids, array_agg(read_sequence ORDER BY read_sequence DESC) AS positions
  FROM room_member WHERE read_sequence > 0 GROUP BY room_id
) f
WHERE f.room_id = room.id AND NOT EXISTS (SELECT FROM chat_schema WHERE version >= 2);

INSERT INTO chat_schema (version) VALUES (2), (3) ON CONFLICT DO NOTHING;
