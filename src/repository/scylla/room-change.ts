import { notFound } from '../../chat/errors.ts';
import type { Room } from '../../gen/services/chat/v1/types_pb.ts';
import type { CommitSignal } from '../postgres/commit-signal.ts';
import type { Db, Sql } from '../postgres/db.ts';
import type { WriteDeps } from '../postgres/room-changes.ts';
import { type Announced, RoomJournal } from '../postgres/room-journal.ts';
import { retryConflicts } from '../postgres/store-errors.ts';
import type { Actor } from '../rooms-repository.ts';
import type { Applier } from './applier.ts';
import { type Locked, type LoggedChange, lockRooms, logChanges, type RoomHead } from './change-log.ts';
import type { ChangeRow } from './changes.ts';
import { loadRoom } from './room-rows.ts';
import type { ScyllaSession } from './session.ts';

/** What writes stand on. */
export interface ScyllaWriteDeps {
  readonly db: Db;
  readonly session: ScyllaSession;
  readonly applier: Applier;
  /** Given when events may be published. */
  readonly events: CommitSignal;
  /** Given after commits that wrote notification jobs; undefined: nobody sends notifications, so no job is stored. */
  readonly notifications: CommitSignal | undefined;
  /** As for PostgreSQL. */
  readonly traceContext?: WriteDeps['traceContext'];
}

/** What work in a locked room has in hand. */
export interface ScyllaRoomWork {
  /** PostgreSQL: the running transaction. Nothing else may be used for it. */
  readonly tx: Sql;
  readonly locked: Locked;
  readonly head: RoomHead;
  /** The actor's light view. */
  readonly view: Room;
  /** What is announced; written when the work is done. */
  readonly journal: RoomJournal;
  /** Notes a change; it reaches Scylla after the commit. */
  change(row: ChangeRow): void;
}

/**
 * Runs work in one PostgreSQL transaction that holds the room's lock, on the state of Scylla with everything that was committed before.
 * Resolves when Scylla has what the work changed. Rejects with `store_unavailable` when it may not have it yet: it will.
 * Throws what `unseen` makes when the actor does not see the room.
 */
export async function inScyllaRoom<T>(
  deps: ScyllaWriteDeps,
  actor: Actor,
  roomId: string,
  work: (room: ScyllaRoomWork) => Promise<T>,
  unseen: () => Error = notFound,
): Promise<T> {
  const { db, session, applier, events, notifications } = deps;
  const traceContext = deps.traceContext?.();
  const { result, changes, announced } = await retryConflicts(
    async () =>
      await db.transaction(async (tx) => {
        const locked = await lockRooms(tx, { rooms: [roomId], users: [actor.userId] });
        await applier.catchUp(tx, locked.pending);
        const head = locked.rooms.get(roomId);
        const view = head && (await loadRoom({ session, sql: tx }, actor.userId, roomId, 'light'));
        if (head === undefined || view === undefined) throw unseen();
        const room = {
          id: roomId,
          lastSequence: head.last_sequence,
          lastEvent: head.last_event,
          at: locked.at,
        };
        const journal = new RoomJournal(room, actor, notifications !== undefined, traceContext);
        const rows: ChangeRow[] = [];
        const result = await work({ tx, locked, head, view, journal, change: (row) => rows.push(row) });
        return { result, ...(await writeWork(tx, locked, roomId, journal, rows)) };
      }),
  );
  if (announced.notifications) notifications?.notify();
  await applier.apply(changes);
  // Otherwise they are given when the changes are forgotten.
  if (announced.events && changes.length === 0) events.notify();
  return result;
}

const COUNT_QUIET = 'UPDATE room SET quiet_changes = quiet_changes + 1 WHERE id = $1';

/** Changes first: what is announced waits for them. */
async function writeWork(
  tx: Sql,
  { clock }: Locked,
  roomId: string,
  journal: RoomJournal,
  rows: readonly ChangeRow[],
): Promise<{ readonly changes: LoggedChange[]; readonly announced: Announced }> {
  const messages = journal.messages.map((row): ChangeRow => ({ table: 'room_message', row }));
  const changes = await logChanges(
    tx,
    clock,
    [...rows, ...messages].map((row) => ({ roomId, row })),
  );
  // One of its counters moves with every change of a room: stamps are made of them.
  if (changes.length > 0 && !journal.movesEvents) await tx.query(COUNT_QUIET, [roomId]);
  return { changes, announced: await journal.announce(tx) };
}
