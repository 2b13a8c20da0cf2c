import { ROLES, type Role, type RoomState, type UserProfile } from '../../chat/types.ts';
import type { Room } from '../../gen/services/chat/v1/types_pb.ts';
import type { Sql } from './db.ts';

const ACTIVE = 'm.removed_at IS NULL AND m.deleted_at IS NULL';
const PROFILE = 'u.id, u.name, u.phone, u.avatar';

/** What rules ask about a locked room, in one statement. `$3` NULL: about all members. */
const READ_STATE = `SELECT
  (SELECT count(*)::int FROM room_member m WHERE m.room_id = $1 AND ${ACTIVE}) AS member_count,
  (SELECT json_agg(m.user_id ORDER BY m.created_at, m.user_id) FROM room_member m
    WHERE m.room_id = $1 AND ${ACTIVE} AND m.role = 'OWNER') AS owner_ids,
  (SELECT json_agg(h.user_id ORDER BY h.place) FROM (
    SELECT m.user_id, row_number() OVER (ORDER BY m.role = 'ADMIN' DESC, m.created_at, m.user_id) AS place
    FROM room_member m JOIN "user" u ON u.id = m.user_id AND u.removed_at IS NULL AND u.deleted_at IS NULL
    WHERE m.room_id = $1 AND ${ACTIVE} AND m.role <> 'OWNER'
    ORDER BY place LIMIT cardinality($3::int[]) + 1) h) AS heir_ids,
  (SELECT json_agg(json_build_array(${PROFILE}, m.role)) FROM room_member m JOIN "user" u ON u.id = m.user_id
    WHERE m.room_id = $1 AND ${ACTIVE} AND ($3::int[] IS NULL OR m.user_id = ANY ($3))) AS members,
  (SELECT json_agg(json_build_array(${PROFILE})) FROM "user" u
    WHERE u.id = ANY ($3) AND u.removed_at IS NULL AND u.deleted_at IS NULL) AS users,
  (SELECT json_build_array(${PROFILE}) FROM "user" u WHERE u.id = $2::int) AS actor`;

/** The state of a room that rules decide on, and the actor, as the author of system messages. */
export async function readRoomState(
  tx: Sql,
  room: Room,
  actorId: number,
  about: readonly number[] | 'all',
): Promise<{ readonly state: RoomState; readonly actor: UserProfile }> {
  const { rows } = await tx.query<StateRow>(READ_STATE, [room.id, actorId, about === 'all' ? null : about]);
  const row = rows[0];
  const members = new Map(
    (row?.members ?? []).map(([id, name, phone, avatar, role]) => [
      id,
      { role: toRole(role), profile: toProfile([id, name, phone, avatar]) },
    ]),
  );
  const users =
    about === 'all'
      ? new Map([...members].map(([id, { profile }]) => [id, profile]))
      : new Map((row?.users ?? []).map((user) => [user[0], toProfile(user)]));
  return {
    state: {
      room,
      members,
      users,
      memberCount: row?.member_count ?? 0,
      ownerIds: row?.owner_ids ?? [],
      heirIds: row?.heir_ids ?? [],
    },
    actor: toProfile(row?.actor ?? [actorId, null, null, null]),
  };
}

function toProfile([id, name, phone, avatar]: ProfileJson): UserProfile {
  return { id, name: name ?? '', phone: phone ?? '', avatar: avatar ?? '' };
}

/** The role of that name; stores hold no other names, and an unknown one would have no rights. */
export function toRole(text: string): Role {
  return ROLES.find((role) => role === text) ?? 'MEMBER';
}

/** Id, name, phone, avatar. */
type ProfileJson = readonly [number, string | null, string | null, string | null];

interface StateRow {
  readonly member_count: number;
  readonly owner_ids: readonly number[] | null;
  readonly heir_ids: readonly number[] | null;
  readonly members:
    | readonly (readonly [number, string | null, string | null, string | null, string])[]
    | null;
  readonly users: readonly ProfileJson[] | null;
  readonly actor: ProfileJson | null;
}
