import type { Db, Sql } from '../../postgres/db.ts';
import type { RoomImage } from '../changes.ts';
import { readStoreState } from '../store-state.ts';

/*
 * How far a migration is: table scylla_migration.
 *
 * - A run that ended before all rooms were done goes on. Its rooms keep their clocks: what was written with them stays right.
 * - When all rooms are done, or there are none, the next run starts anew.
 * - A room that misses messages is not done: the next run takes it from its beginning, with a new clock.
 */

/** A room that a run still has to do. */
export interface RoomToDo {
  readonly id: string;
  /** Undefined: not begun. */
  readonly clock: number | undefined;
  /** Messages up to this sequence are there; above 0 the members are, too. */
  readonly sequence: number;
  /** Messages among those that were refused. */
  readonly skipped: number;
}

/** A room as it was at `clock`: everything committed before is visible, everything later has a larger clock. */
export interface RoomHeadImage {
  /** Of what is written; what it replaces is deleted at one less. */
  readonly clock: number;
  readonly image: RoomImage;
  readonly lastSequence: number;
}

/** How far a migration is. */
export interface MigrationProgress {
  readonly rooms: number;
  readonly roomsDone: number;
  /** Without limits of time: as many as the rooms have numbered. */
  readonly messages: number;
  readonly messagesDone: number;
}

/** What a run starts with. */
export interface MigrationRun {
  /** Undefined: changes were not noted then. */
  readonly begunAt: Date | undefined;
  /** It goes on with what another one has begun. */
  readonly isResumed: boolean;
}

const ROOMS_PER_PAGE = 500;
const LISTED_AT_ONCE = 10_000;

/** Starts a run, or goes on with the one that did not end. The caller holds the migration's lock. */
export async function beginRun(db: Db): Promise<MigrationRun> {
  const found = await db.query<{ rooms: number; left: number; begun: Date | null; noted: boolean }>(
    `SELECT count(*)::int AS rooms, count(*) FILTER (WHERE NOT done)::int AS left, min(begun_at) AS begun,
      coalesce(bool_and(begun_at IS NOT NULL), true) AS noted FROM scylla_migration`,
    [],
  );
  const { left = 0, begun = null, noted = false } = found.rows[0] ?? {};
  const isResumed = left > 0;
  let begunAt = isResumed && noted && begun !== null ? begun : undefined;
  if (!isResumed) {
    await forgetAll(db);
    const { mirrorSince } = await readStoreState(db);
    // Only what is told of now was noted all the time from here on: one that is about to commit may have missed changes.
    begunAt = mirrorSince === undefined ? undefined : await present(db);
  }
  await listRooms(db, begunAt);
  return { begunAt, isResumed };
}

/** The rooms that a run still has to do. One that fails is not answered again. */
export async function* roomsToDo(sql: Sql): AsyncGenerator<RoomToDo> {
  for (let last: string | null = null; ; ) {
    const { rows }: { rows: (Omit<RoomToDo, 'clock'> & { clock: number | null })[] } = await sql.query(
      `SELECT room_id AS id, clock, sequence, skipped FROM scylla_migration
        WHERE NOT done AND ($1::uuid IS NULL OR room_id > $1) ORDER BY room_id LIMIT $2`,
      [last, ROOMS_PER_PAGE],
    );
    for (const row of rows) yield { ...row, clock: row.clock ?? undefined };
    if (rows.length < ROOMS_PER_PAGE) return;
    last = rows.at(-1)?.id ?? last;
  }
}

/**
 * Takes a room's clock, under its lock: waits for those who are changing it, and holds them off meanwhile. Undefined when there is no
 * such room. A run that is noted keeps the clock; what another run did not finish in this room is to be done anew.
 */
export async function takeClock(
  db: Db,
  roomId: string,
  isNoted: boolean,
): Promise<RoomHeadImage | undefined> {
  return await db.transaction(async (tx) => {
    const { rows } = await tx.query<{ image: RoomImage; lastSequence: number }>(
      'SELECT to_json(r) AS image, last_sequence AS "lastSequence" FROM room r WHERE id = $1::uuid FOR SHARE',
      [roomId],
    );
    const room = rows[0];
    if (room === undefined) return undefined;
    // Two: so that deletions have one of their own, below that of the rows and above those of all changes so far.
    const taken = await tx.query<{ clock: number }>(
      `SELECT greatest(nextval('chat_clock'), nextval('chat_clock')) AS clock`,
      [],
    );
    const clock = taken.rows[0]?.clock ?? 0;
    await tx.query(
      `UPDATE scylla_migration SET clock = $2, sequence = 0, skipped = 0, updated_at = now() WHERE room_id = $1::uuid AND NOT done`,
      [roomId, isNoted ? clock : null],
    );
    return { clock, ...room };
  });
}

/** Notes that messages up to a sequence are there, but for so many. */
export async function saveSequence(
  sql: Sql,
  roomId: string,
  sequence: number,
  skipped: number,
): Promise<void> {
  await sql.query(
    '/* save_migrated */ UPDATE scylla_migration SET sequence = $2, skipped = $3, updated_at = now() WHERE room_id = $1::uuid',
    [roomId, sequence, skipped],
  );
}

/** Notes that a room was gone through; it is done unless something was skipped. */
export async function finishRoom(sql: Sql, roomId: string, isDone: boolean): Promise<void> {
  await sql.query(
    isDone
      ? 'UPDATE scylla_migration SET done = true, updated_at = now() WHERE room_id = $1::uuid'
      : 'UPDATE scylla_migration SET clock = NULL, sequence = 0, skipped = 0, updated_at = now() WHERE room_id = $1::uuid',
    [roomId],
  );
}

/** How far the last run is. */
export async function readProgress(sql: Sql): Promise<MigrationProgress> {
  const { rows } = await sql.query<MigrationProgress>(
    `SELECT count(*)::int AS rooms, count(*) FILTER (WHERE g.done)::int AS "roomsDone",
      coalesce(sum(r.last_sequence), 0)::bigint AS messages,
      coalesce(sum(CASE WHEN g.done THEN r.last_sequence ELSE g.sequence END), 0)::bigint AS "messagesDone"
      FROM scylla_migration g JOIN room r ON r.id = g.room_id`,
    [],
  );
  return rows[0] ?? { rooms: 0, roomsDone: 0, messages: 0, messagesDone: 0 };
}

async function present(sql: Sql): Promise<Date> {
  const { rows } = await sql.query<{ now: Date }>('SELECT clock_timestamp() AS now', []);
  if (rows[0] === undefined) throw new Error('the database does not say what time it is');
  return rows[0].now;
}

async function forgetAll(sql: Sql): Promise<void> {
  for (let deleted = LISTED_AT_ONCE; deleted === LISTED_AT_ONCE; ) {
    const answer = await sql.query(
      'DELETE FROM scylla_migration WHERE room_id IN (SELECT room_id FROM scylla_migration LIMIT $1)',
      [LISTED_AT_ONCE],
    );
    deleted = answer.rowCount;
  }
}

/** Rooms that came since the run began are added too. */
async function listRooms(sql: Sql, begunAt: Date | undefined): Promise<void> {
  for (let last: string | null = null; ; ) {
    const { rows }: { rows: { id: string }[] } = await sql.query(
      'SELECT id FROM room WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2',
      [last, LISTED_AT_ONCE],
    );
    await sql.query(
      `INSERT INTO scylla_migration (room_id, begun_at) SELECT id, $2::timestamptz FROM unnest($1::uuid[]) AS r (id)
        ON CONFLICT DO NOTHING`,
      [rows.map(({ id }) => id), begunAt ?? null],
    );
    if (rows.length < LISTED_AT_ONCE) return;
    last = rows.at(-1)?.id ?? last;
  }
}
