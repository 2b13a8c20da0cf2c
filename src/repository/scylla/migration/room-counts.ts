import type { Sql } from '../../postgres/db.ts';
import { chunksOf, mapInParallel } from '../in-parallel.ts';
import type { ScyllaSession } from '../session.ts';
import { bucketOf, deletedBucketOf, isActive } from '../tables.ts';
import { BEFORE_USERS, isUnlimited, type Period, type RoomSize } from './migration-source.ts';

/** How many of each a room has. */
export interface RoomCounts {
  /** Active memberships. */
  readonly participants: number;
  readonly messages: number;
  /** Those that were not taken back. */
  readonly reactions: number;
  readonly positions: number;
}

/** What both stores have of a room, and where they differ. */
export interface CountedRoom {
  readonly postgres: RoomCounts;
  readonly scylla: RoomCounts;
  readonly mismatches: readonly string[];
}

/** Sequences of a partition of messages. */
const BUCKET = 10_000;
const READS_AT_ONCE = 32;
const USERS_PER_PAGE = 1_000;
/** Rows that are named of one bucket. */
const MAX_NAMED = 100;

/** Counts a room in both stores, a partition at a time; where the numbers of messages differ, the messages are named. */
export async function countRoomInBoth(
  { sql, session }: { readonly sql: Sql; readonly session: ScyllaSession },
  room: RoomSize,
  period: Period,
): Promise<CountedRoom> {
  return await new RoomCounting(sql, session, room, period).run();
}

class RoomCounting {
  readonly #sql: Sql;
  readonly #session: ScyllaSession;
  readonly #room: RoomSize;
  readonly #period: Period;
  readonly #mismatches: string[] = [];

  constructor(sql: Sql, session: ScyllaSession, room: RoomSize, period: Period) {
    this.#sql = sql;
    this.#session = session;
    this.#room = room;
    this.#period = period;
  }

  async run(): Promise<CountedRoom> {
    const postgres = { participants: 0, messages: 0, reactions: 0, positions: 0 };
    const scylla = { ...postgres };
    await this.#countMembers(postgres, scylla);
    const last = Math.max(bucketOf(Math.max(1, this.#room.lastSequence)), await this.#lastBucket());
    for (let bucket = 0; bucket <= last; bucket += 1) {
      const here = await this.#countBucket(bucket);
      postgres.messages += here.postgres.messages;
      postgres.reactions += here.postgres.reactions;
      scylla.messages += here.scylla.messages;
      scylla.reactions += here.scylla.reactions;
    }
    for (const name of ['participants', 'positions', 'reactions'] as const)
      this.#compare(name, postgres[name], scylla[name]);
    return { postgres, scylla, mismatches: this.#mismatches };
  }

  /** Notes a difference; answers whether there is one. */
  #compare(what: string, postgres: number, scylla: number): boolean {
    if (postgres === scylla) return false;
    this.#mismatches.push(
      `${what} count mismatch for room ${this.#room.id}: pg=${postgres}, scylla=${scylla}`,
    );
    return true;
  }

  async #lastBucket(): Promise<number> {
    const query = 'SELECT last_bucket FROM {ks}.room_details WHERE room_id = ?';
    const [row] = await this.#session.read<{ last_bucket: number | null }>(query, [this.#room.id]);
    return row?.last_bucket ?? 0;
  }

  async #countMembers(
    postgres: { participants: number; positions: number },
    scylla: { participants: number; positions: number },
  ): Promise<void> {
    const { rows } = await this.#sql.query<{ active: number; all: number; staff: number }>(
      `/* count_members */ SELECT count(*)::int AS all,
        count(*) FILTER (WHERE removed_at IS NULL AND deleted_at IS NULL)::int AS active,
        count(*) FILTER (WHERE removed_at IS NULL AND deleted_at IS NULL AND role <> 'MEMBER')::int AS staff
        FROM room_member WHERE room_id = $1::uuid`,
      [this.#room.id],
    );
    const { active = 0, all = 0, staff = 0 } = rows[0] ?? {};
    const members = 'SELECT removed_at, deleted_at FROM {ks}.participants_by_room WHERE room_id = ?';
    let found = 0;
    for await (const page of this.#session.pages<{ removed_at: Date | null; deleted_at: Date | null }>(
      members,
      [this.#room.id],
    )) {
      found += page.length;
      scylla.participants += page.filter(isActive).length;
    }
    postgres.participants = active;
    this.#compare('participants_by_room', all, found);
    this.#compare('participants_by_join', active, await this.#countRows('participants_by_join', 'user_id'));
    this.#compare('staff_by_room', staff, await this.#countRows('staff_by_room', 'user_id'));
    await this.#countPositions(postgres, scylla);
  }

  /** A page at a time: a partition of members may be large. */
  async #countRows(table: string, column: string): Promise<number> {
    let count = 0;
    const query = `SELECT ${column} FROM {ks}.${table} WHERE room_id = ?`;
    for await (const page of this.#session.pages(query, [this.#room.id])) count += page.length;
    return count;
  }

  async #countPositions(postgres: { positions: number }, scylla: { positions: number }): Promise<void> {
    for (let after = BEFORE_USERS; ; ) {
      const { rows } = await this.#sql.query<{ user_id: number; positions: number }>(
        `/* count_positions */ SELECT m.user_id, (SELECT count(*) FROM room_read_position p
            WHERE p.room_id = m.room_id AND p.user_id = m.user_id)::int AS positions
          FROM room_member m WHERE m.room_id = $1::uuid AND m.user_id > $2::int ORDER BY m.user_id LIMIT $3`,
        [this.#room.id, after, USERS_PER_PAGE],
      );
      const readers = rows.filter(({ positions }) => positions > 0);
      const counts = await mapInParallel(readers, READS_AT_ONCE, async ({ user_id }) => {
        return await this.#count('read_positions_by_member', 'room_id = ? AND user_id = ?', [
          this.#room.id,
          user_id,
        ]);
      });
      postgres.positions += readers.reduce((sum, { positions }) => sum + positions, 0);
      scylla.positions += counts.reduce((sum, count) => sum + count, 0);
      if (rows.length < USERS_PER_PAGE) return;
      after = rows.at(-1)?.user_id ?? after;
    }
  }

  async #count(table: string, where: string, params: readonly unknown[]): Promise<number> {
    const query = `SELECT count(*) AS rows FROM {ks}.${table} WHERE ${where}`;
    const [row] = await this.#session.read<{ rows: number }>(query, params);
    return row?.rows ?? 0;
  }

  async #countBucket(bucket: number): Promise<Bucket> {
    const { id } = this.#room;
    const first = bucket * BUCKET + 1;
    const records = await this.#messagesOfPostgres(first);
    const rows = await this.#messagesOfScylla(bucket);
    const reactions = await mapInParallel(
      rows.filter((row) => row.has_reactions === true),
      READS_AT_ONCE,
      async (row) => await this.#count('reactions_by_message', 'message_id = ?', [row.message_id]),
    );
    if (records.messages !== rows.length) await this.#nameMessages(first, rows);
    if (isUnlimited(this.#period)) {
      const partition = 'room_id = ? AND bucket = ?';
      const range = 'room_id = ? AND bucket = ? AND sequence >= ? AND sequence < ?';
      const [sent, updated, deleted] = await Promise.all([
        this.#count('messages_by_sender', partition, [id, bucket]),
        this.#count('messages_by_update', partition, [id, bucket]),
        this.#count('deleted_messages_by_room', range, [id, deletedBucketOf(first), first, first + BUCKET]),
      ]);
      this.#compare('messages_by_sender', records.messages, sent);
      if (this.#compare('messages_by_update', records.messages, updated)) await this.#nameUpdates(bucket);
      this.#compare('deleted_messages_by_room', records.deleted, deleted);
    }
    return {
      postgres: { messages: records.messages, reactions: records.reactions },
      scylla: { messages: rows.length, reactions: reactions.reduce((sum, count) => sum + count, 0) },
    };
  }

  async #messagesOfPostgres(
    first: number,
  ): Promise<{ messages: number; deleted: number; reactions: number }> {
    const { since, until } = this.#period;
    const { rows } = await this.#sql.query<{ messages: number; deleted: number; reactions: number }>(
      `/* count_bucket */ SELECT count(*)::int AS messages, count(*) FILTER (WHERE deleted_at IS NOT NULL)::int AS deleted,
        coalesce(sum((SELECT count(*) FROM room_message_reaction r
          WHERE r."messageId" = m.id AND r.deleted_at IS NULL)), 0)::int AS reactions
        FROM room_message m WHERE room_id = $1::uuid AND sequence >= $2::bigint AND sequence < $3::bigint
          AND ($4::timestamptz IS NULL OR created_at >= $4) AND ($5::timestamptz IS NULL OR created_at < $5)`,
      [this.#room.id, first, first + BUCKET, since ?? null, until ?? null],
    );
    return rows[0] ?? { messages: 0, deleted: 0, reactions: 0 };
  }

  async #messagesOfScylla(bucket: number): Promise<MessageKey[]> {
    const query = `SELECT sequence, message_id, has_reactions, created_at FROM {ks}.messages_by_room
      WHERE room_id = ? AND bucket = ?`;
    const rows = await this.#session.read<MessageKey>(query, [this.#room.id, bucket]);
    const since = this.#period.since === undefined ? -Infinity : Date.parse(this.#period.since);
    const until = this.#period.until === undefined ? Infinity : Date.parse(this.#period.until);
    if (isUnlimited(this.#period)) return rows;
    return rows.filter(({ created_at }) => {
      const time = created_at?.getTime() ?? Number.NaN;
      return time >= since && time < until;
    });
  }

  /** Which messages of a bucket only one of the stores has. */
  async #nameMessages(first: number, rows: readonly MessageKey[]): Promise<void> {
    const { since, until } = this.#period;
    const found = await this.#sql.query<{ sequence: number; id: string }>(
      `SELECT sequence, id FROM room_message WHERE room_id = $1::uuid AND sequence >= $2::bigint AND sequence < $3::bigint
        AND ($4::timestamptz IS NULL OR created_at >= $4) AND ($5::timestamptz IS NULL OR created_at < $5)`,
      [this.#room.id, first, first + BUCKET, since ?? null, until ?? null],
    );
    const key = (row: { readonly sequence: number }, id: string | null): string => `${row.sequence} ${id}`;
    const here = new Set(found.rows.map((row) => key(row, row.id)));
    const there = new Set(rows.map((row) => key(row, row.message_id)));
    const missing = found.rows.filter((row) => !there.has(key(row, row.id)));
    const extra = rows.filter((row) => !here.has(key(row, row.message_id)));
    const names = [
      ...missing.map(({ id }) => `message mismatch for ID ${id}: missing`),
      ...extra.map(
        ({ message_id, sequence }) =>
          `message mismatch for ID ${message_id}: not in PostgreSQL as sequence ${sequence} of room ${this.#room.id}`,
      ),
    ];
    this.#mismatches.push(...names.slice(0, MAX_NAMED));
    // They came, or went, between the count and the look: then it is counted again.
    if (names.length === 0) this.#mismatches.push(`message count mismatch for room ${this.#room.id}`);
  }

  /** Which rows of a bucket list a message under a time at which it did not change last. */
  async #nameUpdates(bucket: number): Promise<void> {
    const rows = await this.#session.read<{ updated_at: Date; sequence: number }>(
      'SELECT updated_at, sequence FROM {ks}.messages_by_update WHERE room_id = ? AND bucket = ?',
      [this.#room.id, bucket],
    );
    let named = 0;
    for (const chunk of chunksOf(rows, USERS_PER_PAGE)) {
      const { rows: wrong } = await this.#sql.query<{ id: string | null; sequence: number }>(
        `SELECT m.id, i.sequence FROM unnest($2::bigint[], $3::timestamptz[]) AS i (sequence, updated_at)
          LEFT JOIN room_message m ON m.room_id = $1::uuid AND m.sequence = i.sequence
          WHERE m.updated_at IS DISTINCT FROM i.updated_at`,
        [this.#room.id, chunk.map(({ sequence }) => sequence), chunk.map(({ updated_at }) => updated_at)],
      );
      for (const { id, sequence } of wrong.slice(0, MAX_NAMED - named)) {
        const name = id ?? `of sequence ${sequence} in room ${this.#room.id}`;
        this.#mismatches.push(`message mismatch for ID ${name}: messages_by_update`);
        named += 1;
      }
    }
  }
}

/** What identifies a message in its room. */
interface MessageKey {
  readonly sequence: number;
  readonly message_id: string | null;
  readonly has_reactions: boolean | null;
  readonly created_at: Date | null;
}

interface Bucket {
  readonly postgres: { readonly messages: number; readonly reactions: number };
  readonly scylla: { readonly messages: number; readonly reactions: number };
}
