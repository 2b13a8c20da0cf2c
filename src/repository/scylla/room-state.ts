import type { Role, RoomState, UserProfile } from '../../chat/types.ts';
import type { Room } from '../../gen/services/chat/v1/types_pb.ts';
import type { Sql } from '../postgres/db.ts';
import { toRole } from '../postgres/room-state.ts';
import { readMembers } from './members.ts';
import { loadProfiles, type Profile, type ReadDeps } from './profiles.ts';
import { isActive, type ParticipantRow } from './tables.ts';

const PARTICIPANTS = 'SELECT * FROM {ks}.participants_by_room WHERE room_id = ?';
const MEMBER_COUNT = 'SELECT count(*) AS members FROM {ks}.participants_by_join WHERE room_id = ?';
const STAFF = 'SELECT user_id, role, joined_at FROM {ks}.staff_by_room WHERE room_id = ?';
const LONGEST_MEMBERS =
  'SELECT user_id, joined_at FROM {ks}.participants_by_join WHERE room_id = ? ORDER BY joined_at ASC, user_id DESC';

/** The state of a locked room that rules decide on; the view is the actor's. */
export async function readScyllaRoomState(
  deps: ReadDeps,
  room: Room,
  about: readonly number[] | 'all',
): Promise<RoomState> {
  const { session, sql } = deps;
  const wanted = about === 'all' ? undefined : about;
  const [rows, count, staff] = await Promise.all([
    wanted === undefined
      ? session.read<ParticipantRow>(PARTICIPANTS, [room.id])
      : readMembers(session, room.id, wanted).then((found) => [...found.values()]),
    session.read<{ members: number }>(MEMBER_COUNT, [room.id]),
    session.read<StaffRow>(STAFF, [room.id]),
  ]);
  const active = rows.filter(isActive);
  const profiles = await loadProfiles(sql, [
    ...new Set([...active.map(({ user_id }) => user_id), ...(wanted ?? [])]),
  ]);
  const members = new Map(
    active.flatMap(({ user_id, role }): [number, { role: Role; profile: UserProfile }][] => {
      const profile = profiles.get(user_id);
      return profile === undefined ? [] : [[user_id, { role: toRole(role), profile: asUser(profile) }]];
    }),
  );
  const users = new Map(
    [...profiles.values()]
      .filter(({ active }) => wanted === undefined || active)
      .map((profile) => [profile.id, asUser(profile)]),
  );
  const owners = byJoin(staff.filter(({ role }) => role === 'OWNER'));
  return {
    room,
    members,
    users,
    memberCount: count[0]?.members ?? 0,
    ownerIds: owners,
    heirIds: wanted === undefined ? [] : await readHeirs(deps, room.id, staff, wanted.length + 1),
  };
}

/** Who inherits: administrators, then the others, the longest-standing first, as far as they are users still. */
async function readHeirs(
  deps: ReadDeps,
  roomId: string,
  staff: readonly StaffRow[],
  wanted: number,
): Promise<number[]> {
  const isStaff = new Set(staff.map(({ user_id }) => user_id));
  const heirs = await activeOnes(deps.sql, byJoin(staff.filter(({ role }) => role !== 'OWNER')));
  if (heirs.length >= wanted) return heirs.slice(0, wanted);
  // Usually the first ones are enough: only users that were removed by hand are passed over.
  for await (const joiners of longestStanding(deps, roomId, wanted + isStaff.size)) {
    heirs.push(
      ...(await activeOnes(
        deps.sql,
        joiners.filter((id) => !isStaff.has(id)),
      )),
    );
    if (heirs.length >= wanted) break;
  }
  return heirs.slice(0, wanted);
}

/** Active members, the longest-standing first, and of those who came together by id: some of them at a time. */
async function* longestStanding(
  { session }: ReadDeps,
  roomId: string,
  size: number,
): AsyncGenerator<number[]> {
  let together: JoinRow[] = [];
  for await (const rows of session.pages<JoinRow>(LONGEST_MEMBERS, [roomId], size)) {
    // The table has those who came together the other way round, so the last of them have to wait for the rest.
    const last = rows.at(-1)?.joined_at.getTime();
    const isOpen = ({ joined_at }: JoinRow): boolean => joined_at.getTime() === last;
    const all = [...together, ...rows];
    yield byJoin(all.filter((row) => !isOpen(row)));
    together = all.filter(isOpen);
  }
  yield byJoin(together);
}

async function activeOnes(sql: Sql, userIds: readonly number[]): Promise<number[]> {
  if (userIds.length === 0) return [];
  const profiles = await loadProfiles(sql, userIds);
  return userIds.filter((id) => profiles.get(id)?.active === true);
}

function asUser({ id, name, phone, avatar }: Profile): UserProfile {
  return { id, name, phone, avatar };
}

function byJoin(members: readonly JoinRow[]): number[] {
  return members
    .toSorted((a, b) => a.joined_at.getTime() - b.joined_at.getTime() || a.user_id - b.user_id)
    .map(({ user_id }) => user_id);
}

interface JoinRow {
  readonly user_id: number;
  readonly joined_at: Date;
}

interface StaffRow extends JoinRow {
  readonly role: string;
}
