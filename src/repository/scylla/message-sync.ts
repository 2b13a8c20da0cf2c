import type { MessageData } from '../../gen/services/chat/v1/types_pb.ts';
import { SYNC_MESSAGES } from '../paging.ts';
import type { RoomsRepository } from '../rooms-repository.ts';
import { changedDown } from './changed-sequences.ts';
import { activeAt, compareIds, latest } from './heads.ts';
import { chunksOf, mapInParallel } from './in-parallel.ts';
import { readDetails } from './members.ts';
import { readMessagesAt } from './message-places.ts';
import { toMessages } from './message-rows.ts';
import type { ReadDeps } from './profiles.ts';
import { type Candidate, readCandidates } from './room-list.ts';
import { readLastSequence, undeletedSequences } from './sequences.ts';
import type { ScyllaSession } from './session.ts';

/** Rooms that are looked into at once. */
const PARALLEL_ROOMS = 32;

type SyncQuery = Parameters<RoomsRepository['getMessagesForSync']>[1];

/** The query in numbers; undefined: no bound. */
interface Wanted {
  readonly perRoom: number;
  /** Only what changed later. */
  readonly changedAfter: number | undefined;
  readonly createdAfter: number | undefined;
  /** With what was deleted since. */
  readonly withDeleted: boolean;
}

/** See the port. Rooms in which nothing has changed since are not looked into, and messages are read once it is known which. */
export async function getMessagesForSync(
  deps: ReadDeps,
  userId: number,
  query: SyncQuery,
): Promise<MessageData[]> {
  const wanted = toWanted(query);
  const rooms = (await readCandidates(deps, userId)).filter((room) => hasChanged(room, wanted));
  rooms.sort(
    (one, other) => activeAt(other.head) - activeAt(one.head) || compareIds(one.head.id, other.head.id),
  );
  const places = await pickPlaces(deps.session, rooms, wanted);
  const rows = await readMessagesAt(deps.session, places);
  const shown = rows.filter((row) => row.deleted_at === null || isNews(row.deleted_at, query));
  const members = new Map(rooms.map(({ me }) => [me.room_id, me]));
  return await toMessages(deps, shown, { id: userId, members });
}

function toWanted({ after, createdAfter, perRoom }: SyncQuery): Wanted {
  const bounds = [after, createdAfter].flatMap((iso) => (iso === undefined ? [] : Date.parse(iso)));
  return {
    perRoom: perRoom > 0 ? Math.min(perRoom, SYNC_MESSAGES) : SYNC_MESSAGES,
    // No message is older than its last change.
    changedAfter: bounds.length === 0 ? undefined : Math.max(...bounds),
    createdAfter: createdAfter === undefined ? undefined : Date.parse(createdAfter),
    withDeleted: after !== undefined,
  };
}

/** What is deleted is told only to those who may have it. */
function isNews(deletedAt: Date, { after }: SyncQuery): boolean {
  return after !== undefined && deletedAt.getTime() > Date.parse(after);
}

/** Every message that is new moved the one time, every one that changed the other. */
function hasChanged({ head }: Candidate, { changedAfter }: Wanted): boolean {
  return changedAfter === undefined || (latest(head.lastMessageAt, head.touched_at) ?? 0) > changedAfter;
}

/** Where the wanted messages are, room by room, newest first in each; some rooms at a time, until there are enough. */
async function pickPlaces(
  session: ScyllaSession,
  rooms: readonly Candidate[],
  wanted: Wanted,
): Promise<{ readonly room_id: string; readonly sequence: number }[]> {
  const places: { readonly room_id: string; readonly sequence: number }[] = [];
  for (const some of chunksOf(rooms, PARALLEL_ROOMS)) {
    const perRoom = Math.min(wanted.perRoom, SYNC_MESSAGES - places.length);
    if (perRoom === 0) break;
    const picked = await mapInParallel(some, PARALLEL_ROOMS, async ({ head }) => {
      const sequences = await pickSequences(session, head.id, { ...wanted, perRoom });
      return sequences.map((sequence) => ({ room_id: head.id, sequence }));
    });
    places.push(...picked.flat().slice(0, SYNC_MESSAGES - places.length));
  }
  return places;
}

async function pickSequences(session: ScyllaSession, roomId: string, wanted: Wanted): Promise<number[]> {
  const { perRoom, changedAfter, createdAfter, withDeleted } = wanted;
  const last = await readLastSequence(session, roomId, readDetails(session, roomId));
  const interval = { lower: 0, upper: last + 1 };
  if (changedAfter === undefined) {
    return await undeletedSequences(session, roomId, interval, { limit: perRoom, offset: 0 });
  }
  const found: number[] = [];
  for await (const rows of changedDown(session, roomId, interval, { after: new Date(changedAfter) })) {
    for (const row of rows) {
      if (row.deleted === true && !withDeleted) continue;
      if (createdAfter !== undefined && row.created_at.getTime() <= createdAfter) continue;
      found.push(row.sequence);
      if (found.length === perRoom) return found;
    }
  }
  return found;
}
