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
);
CREATE INDEX IF NOT EXISTS idx_room_type ON room (type);
CREATE INDEX IF NOT EXISTS idx_room_last_message_at ON room ("lastMessageAt");
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
CREATE INDEX IF NOT EXISTS idx_room_member_user ON room_member (user_id);
CREATE INDEX IF NOT EXISTS idx_room_member_removed ON room_member (removed_at);
CREATE INDEX IF NOT EXISTS idx_room_member_active ON room_member (user_id, room_id) WHERE removed_at IS NULL AND deleted_at IS NULL;
-- The two furthest readers of a room decide whether a message is READ for its author.
CREATE INDEX IF NOT EXISTS idx_room_member_read ON room_member (room_id, read_sequence DESC);

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
  room_id uuid NOT NULL REFERENCES room ON DELETE CASCADE,
  -- 1, 2, 3 … in each room, in commit order.
  sequence bigint NOT NULL,
  sender_id int NOT NULL REFERENCES "user",
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
-- Unread counts and last messages without touching deleted rows.
CREATE INDEX IF NOT EXISTS idx_room_message_visible ON room_message (room_id, sequence) INCLUDE (sender_id) WHERE deleted_at IS NULL;
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
);

-- Notifications that are committed and not sent yet.
CREATE TABLE IF NOT EXISTS notification_outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  notification json NOT NULL,
  client json NOT NULL,
  attempt int NOT NULL DEFAULT 0,
  due_at timestamptz(3) NOT NULL DEFAULT now(),
  created_at timestamptz(3) NOT NULL DEFAULT now()
);
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

INSERT INTO chat_schema (version) VALUES (1) ON CONFLICT DO NOTHING;
