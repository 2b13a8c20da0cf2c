import type { Sql } from '../../postgres/db.ts';
import type { MemberImage, MessageImage, PositionImage, ReactionImage, RoomImage } from '../changes.ts';

/*
 * What PostgreSQL holds, as images (changes.ts), a page at a time: nothing here grows with a room or with the database.
 * Pages go on after a key, so the last one costs no more than the first.
 */

/** Which messages: those made at or after `since` and before `until`, ISO text. Undefined: no limit. */
export interface Period {
  readonly since: string | undefined;
  readonly until: string | undefined;
}

/** A room by what decides how much there is to do. */
export interface RoomSize {
  readonly id: string;
  readonly lastSequence: number;
}

/** A message with what hangs on it. */
export interface MessageRecord {
  readonly message: MessageImage;
  /** User and tag. */
  readonly mentions: readonly (readonly [number, string])[];
  /** Those that were not taken back. */
  readonly reactions: readonly ReactionImage[];
}

/** How much of everything there is. */
export interface Amounts {
  readonly members: number;
  readonly messages: number;
  readonly reactions: number;
  readonly positions: number;
}

/** Smaller than the id of any user. */
export const BEFORE_USERS = -2_147_483_648;

const ROOMS_PER_PAGE = 500;
/** Sequences that one statement counts: it has to end in time. */
const COUNTED_AT_ONCE = 100_000;

/** Whether that is all messages. */
export function isUnlimited({ since, until }: Period): boolean {
  return since === undefined && until === undefined;
}

/** Throws when the room that is asked for is none. */
export async function requireRoom(sql: Sql, roomId: string | undefined): Promise<void> {
  if (roomId === undefined || (await readRoom(sql, roomId)) !== undefined) return;
  throw new Error(`there is no room ${roomId}`);
}

/** All rooms, or the one. */
export async function* eachRoom(sql: Sql, roomId?: string): AsyncGenerator<RoomSize> {
  for (let last: string | undefined; ; ) {
    const { rows } = await sql.query<RoomSize>(
      `/* each_room */ SELECT id, last_sequence AS "lastSequence" FROM room
        WHERE ($1::uuid IS NULL OR id > $1) AND ($2::uuid IS NULL OR id = $2) ORDER BY id LIMIT $3`,
      [last ?? null, roomId ?? null, ROOMS_PER_PAGE],
    );
    yield* rows;
    last = rows.at(-1)?.id;
    if (rows.length < ROOMS_PER_PAGE) return;
  }
}

/** The room; undefined when there is none. */
export async function readRoom(
  sql: Sql,
  roomId: string,
): Promise<{ readonly image: RoomImage; readonly lastSequence: number } | undefined> {
  const { rows } = await sql.query<{ image: RoomImage; lastSequence: number }>(
    '/* read_room_image */ SELECT to_json(r) AS image, last_sequence AS "lastSequence" FROM room r WHERE id = $1::uuid',
    [roomId],
  );
  return rows[0];
}

/** All who are or were members, by user id. */
export async function* eachMemberPage(
  sql: Sql,
  roomId: string,
  size: number,
): AsyncGenerator<readonly MemberImage[]> {
  for (let last = BEFORE_USERS; ; ) {
    const { rows } = await sql.query<{ image: MemberImage }>(
      `/* each_member */ SELECT to_json(m) AS image FROM room_member m
        WHERE room_id = $1::uuid AND user_id > $2::int ORDER BY user_id LIMIT $3`,
      [roomId, last, size],
    );
    const page = rows.map(({ image }) => image);
    if (page.length > 0) yield page;
    if (page.length < size) return;
    last = page.at(-1)?.user_id ?? last;
  }
}

/** All read positions of a room, by user and sequence. */
export async function* eachPositionPage(
  sql: Sql,
  roomId: string,
  size: number,
): AsyncGenerator<readonly PositionImage[]> {
  for (let user = BEFORE_USERS, sequence = 0; ; ) {
    const { rows } = await sql.query<{ image: PositionImage }>(
      `/* each_position */ SELECT to_json(p) AS image FROM room_read_position p
        WHERE room_id = $1::uuid AND (user_id, sequence) > ($2::int, $3::bigint) ORDER BY user_id, sequence LIMIT $4`,
      [roomId, user, sequence, size],
    );
    const page = rows.map(({ image }) => image);
    if (page.length > 0) yield page;
    if (page.length < size) return;
    user = page.at(-1)?.user_id ?? user;
    sequence = page.at(-1)?.sequence ?? sequence;
  }
}

const RECORD = `json_strip_nulls(to_json(m)) AS message,
  (SELECT json_agg(json_build_array(t.user_id, t.tag)) FROM room_message_tag t
    WHERE t.message_id = m.id AND t.deleted_at IS NULL) AS mentions,
  (SELECT json_agg(json_build_object('message_id', m.id, 'room_id', m.room_id, 'sequence', m.sequence, 'user_id', r."reactedById",
      'reaction', r.reaction, 'created_at', r.created_at, 'updated_at', r.updated_at, 'deleted_at', r.deleted_at))
    FROM room_message_reaction r WHERE r."messageId" = m.id AND r.deleted_at IS NULL) AS reactions`;
const IN_PERIOD = (since: string, until: string): string =>
  `(${since}::timestamptz IS NULL OR m.created_at >= ${since}) AND (${until}::timestamptz IS NULL OR m.created_at < ${until})`;

/** Messages of a room after `after` and up to `last`, by sequence. */
export async function* eachMessagePage(
  sql: Sql,
  where: { readonly roomId: string; readonly after: number; readonly last: number } & Period,
  size: number,
): AsyncGenerator<readonly MessageRecord[]> {
  for (let after = where.after; ; ) {
    const { rows } = await sql.query<RecordRow>(
      `/* each_message */ SELECT ${RECORD} FROM room_message m
        WHERE m.room_id = $1::uuid AND m.sequence > $2::bigint AND m.sequence <= $3::bigint AND ${IN_PERIOD('$4', '$5')}
        ORDER BY m.sequence LIMIT $6`,
      [where.roomId, after, where.last, where.since ?? null, where.until ?? null, size],
    );
    const page = rows.map(toRecord);
    if (page.length > 0) yield page;
    if (page.length < size) return;
    after = page.at(-1)?.message.sequence ?? after;
  }
}

/** Those messages of a room that there are, by sequence. */
export async function readMessages(
  sql: Sql,
  roomId: string,
  sequences: readonly number[],
): Promise<MessageRecord[]> {
  const { rows } = await sql.query<RecordRow>(
    `/* read_message_images */ SELECT ${RECORD} FROM unnest($2::bigint[]) AS i (sequence)
      CROSS JOIN LATERAL (SELECT * FROM room_message x WHERE x.room_id = $1::uuid AND x.sequence = i.sequence OFFSET 0) m
      ORDER BY m.sequence`,
    [roomId, sequences],
  );
  return rows.map(toRecord);
}

/** The first and the last sequence of a room's messages in the period, and their number; undefined when there are none. */
export async function readSpan(
  sql: Sql,
  room: RoomSize,
  period: Period,
): Promise<{ readonly first: number; readonly last: number; readonly messages: number } | undefined> {
  let span: { readonly first: number; readonly last: number; readonly messages: number } | undefined;
  for (let after = 0; after < room.lastSequence; after += COUNTED_AT_ONCE) {
    const { rows } = await sql.query<{ first: number | null; last: number | null; messages: number }>(
      `/* read_span */ SELECT min(m.sequence) AS first, max(m.sequence) AS last, count(*)::int AS messages FROM room_message m
        WHERE m.room_id = $1::uuid AND m.sequence > $2::bigint AND m.sequence <= $3::bigint AND ${IN_PERIOD('$4', '$5')}`,
      [room.id, after, after + COUNTED_AT_ONCE, period.since ?? null, period.until ?? null],
    );
    const { first, last, messages = 0 } = rows[0] ?? {};
    if (typeof first !== 'number' || typeof last !== 'number') continue;
    span = { first: span?.first ?? first, last, messages: messages + (span?.messages ?? 0) };
  }
  return span;
}

/** What a migration of the room writes. */
export async function countRoom(sql: Sql, room: RoomSize, period: Period): Promise<Amounts> {
  const { rows } = await sql.query<{ members: number; positions: number }>(
    `/* count_room */ SELECT (SELECT count(*)::int FROM room_member WHERE room_id = $1::uuid) AS members,
      (SELECT count(*)::int FROM room_read_position WHERE room_id = $1::uuid) AS positions`,
    [room.id],
  );
  let messages = 0;
  let reactions = 0;
  for (let after = 0; after < room.lastSequence; after += COUNTED_AT_ONCE) {
    const counted = await sql.query<{ messages: number; reactions: number }>(
      `/* count_messages */ SELECT count(*)::int AS messages, coalesce(sum((SELECT count(*) FROM room_message_reaction r
          WHERE r."messageId" = m.id AND r.deleted_at IS NULL)), 0)::int AS reactions
        FROM room_message m
        WHERE m.room_id = $1::uuid AND m.sequence > $2::bigint AND m.sequence <= $3::bigint AND ${IN_PERIOD('$4', '$5')}`,
      [room.id, after, after + COUNTED_AT_ONCE, period.since ?? null, period.until ?? null],
    );
    messages += counted.rows[0]?.messages ?? 0;
    reactions += counted.rows[0]?.reactions ?? 0;
  }
  return { members: rows[0]?.members ?? 0, positions: rows[0]?.positions ?? 0, messages, reactions };
}

interface RecordRow {
  readonly message: MessageImage;
  readonly mentions: readonly (readonly [number, string])[] | null;
  readonly reactions: readonly ReactionImage[] | null;
}

function toRecord({ message, mentions, reactions }: RecordRow): MessageRecord {
  return { message, mentions: mentions ?? [], reactions: reactions ?? [] };
}
