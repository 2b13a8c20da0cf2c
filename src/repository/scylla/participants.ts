import type { RoomParticipant } from '../../gen/services/chat/v1/types_pb.ts';
import { pageWindow, UNPAGED } from '../paging.ts';
import { type PageRow, pageStatement } from '../postgres/page.ts';
import { type ParticipantJson, SHOWN_PARTICIPANTS, toParticipant } from '../room-data.ts';
import type { Page, RoomsRepository } from '../rooms-repository.ts';
import { MAX_PARALLEL_READS, mapInParallel } from './in-parallel.ts';
import { joinersOf, readActiveIds, readMembers } from './members.ts';
import { loadProfiles, type Profile, type ReadDeps } from './profiles.ts';
import type { ScyllaSession } from './session.ts';
import { isActive, type ParticipantRow } from './tables.ts';

/** Joiners of a room that are read at once: some more than are shown, because users may be removed. */
const JOINERS = 8;
const MORE_JOINERS = 100;

/** Who is first is Postgres' to say: only its collation sorts names as it does elsewhere. */
const FIRST_BY_NAME = `/* first_by_name */ SELECT y.n, y.id, y.name, y.phone, y.avatar FROM (
    SELECT w.n, u.id, u.name, u.phone, u.avatar, row_number() OVER (PARTITION BY w.n ORDER BY u.name, u.id) AS place
    FROM unnest($1::int[], $2::int[]) AS w (n, user_id) JOIN "user" u ON u.id = w.user_id
    WHERE u.removed_at IS NULL AND u.deleted_at IS NULL) y
  WHERE y.place <= ${SHOWN_PARTICIPANTS} ORDER BY y.n, y.place`;

/** The first active members by name that a room shows: for each of the rooms, in order. One statement for all. */
export async function firstByName(
  { session, sql }: ReadDeps,
  roomIds: readonly string[],
): Promise<ParticipantJson[][]> {
  const rooms = [...new Set(roomIds)];
  const members = await mapInParallel(
    rooms,
    MAX_PARALLEL_READS,
    async (roomId) => await readActiveIds(session, roomId),
  );
  const { rows } = await sql.query<NamedRow & { readonly n: number }>(FIRST_BY_NAME, [
    members.flatMap((ids, n) => new Array<number>(ids.length).fill(n)),
    members.flat(),
  ]);
  const users = Map.groupBy(rows, ({ n }) => n);
  const shown = await mapInParallel([...rooms.entries()], MAX_PARALLEL_READS, async ([n, roomId]) => {
    return [roomId, await withRoles(session, roomId, users.get(n) ?? [])] as const;
  });
  const byRoom = new Map(shown);
  return roomIds.map((roomId) => byRoom.get(roomId) ?? []);
}

/** Recent joiners of a room that are active members; `all`: it has no others. */
export interface RecentJoiners {
  readonly members: readonly ParticipantRow[];
  readonly all: boolean;
}

/** The most recent joiners, a few more than a room shows. */
export async function readRecentJoiners(session: ScyllaSession, roomId: string): Promise<RecentJoiners> {
  for await (const ids of joinersOf(session, roomId, JOINERS)) {
    return { members: await activeAmong(session, roomId, ids), all: ids.length < JOINERS };
  }
  return { members: [], all: true };
}

/** The most recent joiners that a room shows, without removed users. Reads on when most of the recent ones are removed. */
export async function shownJoiners(
  { session, sql }: ReadDeps,
  roomId: string,
  { members, all }: RecentJoiners,
  profiles: ReadonlyMap<number, Profile>,
): Promise<ParticipantJson[]> {
  const shown = toJson(members, profiles).slice(0, SHOWN_PARTICIPANTS);
  if (all || shown.length === SHOWN_PARTICIPANTS) return shown;
  const found: ParticipantJson[] = [];
  for await (const ids of joinersOf(session, roomId, MORE_JOINERS)) {
    const more = await loadProfiles(sql, ids);
    found.push(...toJson(await activeAmong(session, roomId, ids), more));
    if (found.length >= SHOWN_PARTICIPANTS) break;
  }
  return found.slice(0, SHOWN_PARTICIPANTS);
}

/** See the port. */
export async function getRoomParticipants(
  { session, sql }: ReadDeps,
  roomId: string,
  query: Parameters<RoomsRepository['getRoomParticipants']>[1],
): Promise<Page<RoomParticipant>> {
  const { limit, offset } = pageWindow(query, UNPAGED);
  const search = query.search.trim() === '' ? [] : [query.search];
  const members = `FROM unnest($1::int[]) AS w (user_id) JOIN "user" u ON u.id = w.user_id
    WHERE u.removed_at IS NULL AND u.deleted_at IS NULL
    ${search.length === 0 ? '' : 'AND strpos(chat_search_text(u.name), chat_search_text($4)) > 0'}`;
  const { rows } = await sql.query<PageRow & NamedRow>(
    pageStatement(
      `SELECT count(*) ${members}`,
      `SELECT true AS found, u.id, u.name, u.phone, u.avatar ${members}
        ORDER BY u.name, u.id LIMIT $2::bigint OFFSET $3::bigint`,
      'x.name, x.id',
    ),
    [await readActiveIds(session, roomId), limit, offset, ...search],
  );
  const named = rows.filter((row) => row.found === true);
  const items = await withRoles(session, roomId, named);
  return { items: items.map(toParticipant), total: rows[0]?.total ?? 0 };
}

/** Users as members of the room; who has just left is left out. */
async function withRoles(
  session: ScyllaSession,
  roomId: string,
  users: readonly NamedRow[],
): Promise<ParticipantJson[]> {
  const members = await readMembers(
    session,
    roomId,
    users.map(({ id }) => id),
  );
  return users.flatMap(({ id, name, phone, avatar }) => {
    const member = members.get(id);
    return member !== undefined && isActive(member) ? [[id, name, phone, avatar, member.role] as const] : [];
  });
}

async function activeAmong(
  session: ScyllaSession,
  roomId: string,
  ids: readonly number[],
): Promise<ParticipantRow[]> {
  const members = await readMembers(session, roomId, ids);
  return [...new Set(ids)].flatMap((id) => {
    const member = members.get(id);
    return member !== undefined && isActive(member) ? [member] : [];
  });
}

function toJson(
  members: readonly ParticipantRow[],
  profiles: ReadonlyMap<number, Profile>,
): ParticipantJson[] {
  return members.flatMap(({ user_id, role }) => {
    const user = profiles.get(user_id);
    return user?.active === true ? [[user_id, user.name, user.phone, user.avatar, role] as const] : [];
  });
}

interface NamedRow {
  readonly id: number;
  readonly name: string;
  readonly phone: string | null;
  readonly avatar: string | null;
}
