import type { CommitSignal } from '../postgres/commit-signal.ts';
import type { Db } from '../postgres/db.ts';
import type { WriteDeps } from '../postgres/room-changes.ts';
import type { RoomsRepository } from '../rooms-repository.ts';
import { createApplier } from './applier.ts';
import { createScyllaMessageReads } from './message-reads.ts';
import { preferScylla, writeThrough } from './mirrored.ts';
import { createScyllaRoomReads } from './room-reads.ts';
import { createScyllaWrites } from './scylla-writes.ts';
import type { ScyllaSession } from './session.ts';
import { type StoreRoles, scyllaLeads } from './store-state.ts';

/** What the decorator stands on, beside what it decorates. */
export interface ScyllaRepositoryDeps {
  /** PostgreSQL: users, the heads of rooms, and what is decided. */
  readonly db: Db;
  readonly roles: StoreRoles;
  /** Given when events may be published. */
  readonly events: CommitSignal;
  /** Given after commits that wrote notification jobs; undefined: nobody sends notifications, so none are written. */
  readonly notifications: CommitSignal | undefined;
  /** As for PostgreSQL. */
  readonly traceContext?: WriteDeps['traceContext'];
}

/**
 * The RoomsRepository with Scylla, over that of PostgreSQL.
 *
 * - Scylla leads (reads and writes): rooms, members, messages, receipts and reactions are there. PostgreSQL decides under a
 *   room's lock and notes what was decided together with what is announced; a call is answered when Scylla has it.
 * - With `sync` PostgreSQL holds everything as well and decides, and its triggers note what changes. Reads come from Scylla
 *   when it is not behind: all of them with `writes`, which are then answered when both have them; with `reads` alone
 *   message histories; with neither none.
 */
export function createScyllaRoomsRepository(
  base: RoomsRepository,
  session: ScyllaSession,
  { db, roles, ...write }: ScyllaRepositoryDeps,
): RoomsRepository {
  const reads = { ...createScyllaRoomReads({ session, db }), ...createScyllaMessageReads({ session, db }) };
  const applier = createApplier({ db, session, onApplied: () => write.events.notify() });
  if (scyllaLeads(roles)) {
    return { ...reads, ...createScyllaWrites({ db, session, applier, ...write }) };
  }
  const mirrored = preferScylla(db, base, reads);
  if (roles.writes) return { ...mirrored, ...writeThrough(db, base, applier) };
  return roles.reads ? { ...base, getMessageHistory: mirrored.getMessageHistory } : base;
}
