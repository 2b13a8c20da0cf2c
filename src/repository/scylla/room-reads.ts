import { ROLES, type Role } from '../../chat/types.ts';
import { UNPAGED } from '../paging.ts';
import type { Db } from '../postgres/db.ts';
import type { RoomReads } from '../postgres/room-reads.ts';
import { guarded } from '../postgres/store-errors.ts';
import { createReadBatch } from '../read-batch.ts';
import type { Membership } from '../rooms-repository.ts';
import { compareIds, latest, readHeads } from './heads.ts';
import { readDetails, readMembers, readRoomsOfUser } from './members.ts';
import { firstByName, getRoomParticipants } from './participants.ts';
import { loadProfiles, type ReadDeps } from './profiles.ts';
import { getRoomList, readCandidates } from './room-list.ts';
import { loadRoom, type RoomSources } from './room-rows.ts';
import type { ScyllaSession } from './session.ts';
import { isActive, type ParticipantRow } from './tables.ts';

/** Reads rooms from Scylla, and from Postgres the users in them, and the heads of rooms for order. */
export function createScyllaRoomReads(deps: { readonly session: ScyllaSession; readonly db: Db }): RoomReads {
  const reads: ReadDeps = { session: deps.session, sql: deps.db };
  const sources = sharedSources(reads);
  return {
    getRoom: (userId, roomId, view) => guarded(() => loadRoom(reads, userId, roomId, view, sources)),
    getRoomList: (userId, query) => guarded(() => getRoomList(reads, userId, query)),
    getDeletedRoomIds: (userId, since) => guarded(() => getDeletedRoomIds(reads, userId, since)),
    getMemberships: (userId) => guarded(() => getMemberships(reads, userId)),
    getRoomParticipants: (roomId, query) => guarded(() => getRoomParticipants(reads, roomId, query)),
    getActiveMembers: (roomId, userIds) => guarded(() => getActiveMembers(reads, roomId, userIds)),
  };
}

/** Views that are asked for at the same time share their statements, and those of one room the look through its members. */
function sharedSources(reads: ReadDeps): RoomSources {
  const profiles = createReadBatch(async (questions: readonly (readonly number[])[]) => {
    const found = await loadProfiles(reads.sql, questions.flat());
    return questions.map(() => found);
  });
  // More at once than usual: one that holds a large room is not to hold up the others.
  const members = createReadBatch(async (roomIds: readonly string[]) => await firstByName(reads, roomIds), {
    maxInFlight: 8,
  });
  return {
    profiles: async (userIds) => (userIds.length === 0 ? new Map() : await profiles(userIds)),
    firstByName: members,
  };
}

async function getMemberships(deps: ReadDeps, userId: number): Promise<Membership[]> {
  const candidates = await readCandidates(deps, userId);
  return candidates.map(({ me }) => ({ roomId: me.room_id, joinEvent: me.join_event ?? 0 }));
}

async function getDeletedRoomIds(
  { session, sql }: ReadDeps,
  userId: number,
  since: string | undefined,
): Promise<string[]> {
  const members = await readRoomsOfUser(session, userId);
  const heads = await readHeads(
    sql,
    members.map(({ room_id }) => room_id),
  );
  const after = since === undefined ? Number.NEGATIVE_INFINITY : Date.parse(since);
  const lost = members.flatMap((me) => {
    const lostAt = latest(me.removed_at, me.deleted_at, heads.get(me.room_id)?.deleted_at ?? null);
    return lostAt !== undefined && lostAt > after ? [{ id: me.room_id, lostAt }] : [];
  });
  lost.sort((one, other) => other.lostAt - one.lostAt || compareIds(one.id, other.id));
  return lost.slice(0, UNPAGED).map(({ id }) => id);
}

async function getActiveMembers(
  { session, sql }: ReadDeps,
  roomId: string,
  userIds: readonly number[],
): Promise<ReadonlyMap<number, Role>> {
  if (userIds.length === 0) return new Map();
  const [members, details, profiles] = await Promise.all([
    readMembers(session, roomId, userIds),
    readDetails(session, roomId),
    loadProfiles(sql, userIds),
  ]);
  if (details === undefined || details.deleted_at !== null) return new Map();
  const active = [...members.values()].filter(
    (member) => isActive(member) && profiles.get(member.user_id)?.active === true,
  );
  return new Map(active.map((member) => [member.user_id, roleOf(member)]));
}

/** No other roles are ever written; an unknown one would have no rights. */
function roleOf(member: ParticipantRow): Role {
  return ROLES.find((role) => role === member.role) ?? 'MEMBER';
}
