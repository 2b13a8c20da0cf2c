import type { Room } from '../../gen/services/chat/v1/types_pb.ts';
import { pageWindow, UNPAGED } from '../paging.ts';
import { toFullRoom } from '../room-data.ts';
import type { RoomListing, StampedRoom } from '../room-listing.ts';
import type { Page, RoomListQuery } from '../rooms-repository.ts';
import { activeAt, compareIds, latest, type RoomHead, readHeads } from './heads.ts';
import { MAX_PARALLEL_READS, mapInParallel } from './in-parallel.ts';
import { readDetails, readRoomsOfUser } from './members.ts';
import { type RecentJoiners, readRecentJoiners, shownJoiners } from './participants.ts';
import { loadProfiles, type ReadDeps } from './profiles.ts';
import {
  namedIn,
  partnerOf,
  type RoomContent,
  readContent,
  readSeenRoom,
  type SeenRoom,
  toFullRow,
} from './room-rows.ts';
import type { ScyllaSession } from './session.ts';
import { isActive, type ParticipantRow } from './tables.ts';

/** Rooms that are read at once; each takes several reads. */
const PARALLEL_ROOMS = 32;

/** A room that the user sees, with what order and filters need. */
export interface Candidate {
  readonly me: ParticipantRow;
  readonly head: RoomHead;
}

/** See the port. Everything but order and filters is read for the rooms of the page only. */
export async function getRoomList(deps: ReadDeps, userId: number, query: RoomListQuery): Promise<Page<Room>> {
  const { page, total } = await readPage(deps, userId, query);
  return { items: await readListed(deps, page), total };
}

/** The same in two steps: see {@link RoomListing}. */
export async function listRooms(deps: ReadDeps, userId: number, query: RoomListQuery): Promise<RoomListing> {
  const { page, total } = await readPage(deps, userId, query);
  const stamps = await readStamps(deps, page);
  return {
    total,
    rooms: page.map(({ me }): StampedRoom => ({ id: me.room_id, stamp: stamps.get(me.room_id) })),
    async load(roomIds) {
      const wanted = new Set(roomIds);
      return await readListed(
        deps,
        page.filter(({ me }) => wanted.has(me.room_id)),
      );
    },
  };
}

async function readPage(
  deps: ReadDeps,
  userId: number,
  query: RoomListQuery,
): Promise<{ readonly page: readonly Candidate[]; readonly total: number }> {
  const { limit, offset } = pageWindow(query, UNPAGED);
  const candidates = (await readCandidates(deps, userId)).filter((candidate) => isWanted(candidate, query));
  const found =
    query.search.trim() === '' ? candidates : await searchRooms(deps, userId, candidates, query.search);
  return { page: found.sort(byListOrder).slice(offset, offset + limit), total: found.length };
}

/**
 * The counters of a room move when a change is committed, and its rows in Scylla follow: until they have, the change is noted, and the room
 * has no stamp. Both are read in one statement, so of one moment. The times are for a database that was restored from a backup and
 * counts once more what it counted before.
 */
const STAMPS = `/* room_stamps */ SELECT r.id, concat_ws(' ', r.last_event, r.quiet_changes, (SELECT changes FROM user_activity),
    extract(epoch FROM r.touched_at), coalesce(extract(epoch FROM r."lastMessageAt"), 0)) AS stamp
  FROM room r WHERE r.id = ANY ($1::uuid[]) AND NOT EXISTS (SELECT FROM scylla_change c WHERE c.room_id = r.id)`;

/** Stamps of the rooms that Scylla has everything of, by room. */
async function readStamps({ sql }: ReadDeps, page: readonly Candidate[]): Promise<Map<string, string>> {
  if (page.length === 0) return new Map();
  const { rows } = await sql.query<{ id: string; stamp: string }>(STAMPS, [page.map(({ me }) => me.room_id)]);
  const counted = new Map(rows.map(({ id, stamp }) => [id, stamp]));
  return new Map(
    page.flatMap(({ me }) => {
      const stamp = counted.get(me.room_id);
      return stamp === undefined ? [] : [[me.room_id, `${stamp} ${ownStamp(me)}`] as const];
    }),
  );
}

/** The membership was read before the counters, and the view is made of it as it was read: so its values count, not its changes. */
function ownStamp(me: ParticipantRow): string {
  const flags = [me.is_pinned, me.is_muted, me.is_partner_blocked].map((flag) => (flag === true ? 1 : 0));
  return [me.role, ...flags, me.read_sequence ?? 0, me.join_sequence ?? 0].join(' ');
}

/** The user's rooms: active memberships of undeleted rooms. */
export async function readCandidates({ session, sql }: ReadDeps, userId: number): Promise<Candidate[]> {
  const members = (await readRoomsOfUser(session, userId)).filter(isActive);
  const heads = await readHeads(
    sql,
    members.map(({ room_id }) => room_id),
  );
  return members.flatMap((me) => {
    const head = heads.get(me.room_id);
    // The memberships of a dissolved room may still be active.
    return head !== undefined && head.deleted_at === null ? [{ me, head }] : [];
  });
}

function isWanted({ me, head }: Candidate, { type, since }: RoomListQuery): boolean {
  if (type !== '' && head.type !== type) return false;
  if (since === undefined) return true;
  return (latest(head.updated_at, me.updated_at, head.lastMessageAt) ?? 0) > Date.parse(since);
}

function byListOrder(one: Candidate, other: Candidate): number {
  return (
    Number(other.me.is_pinned ?? false) - Number(one.me.is_pinned ?? false) ||
    activeAt(other.head) - activeAt(one.head) ||
    other.head.created_at.getTime() - one.head.created_at.getTime() ||
    compareIds(one.head.id, other.head.id)
  );
}

/** strpos, not LIKE: no character of the search is special. */
const SEARCH = `SELECT c.id FROM unnest($1::uuid[], $2::text[], $3::int[]) AS c (id, name, partner_id)
  WHERE strpos(chat_search_text(c.name), chat_search_text($4)) > 0 OR EXISTS (
    SELECT FROM "user" u WHERE u.id = c.partner_id AND strpos(chat_search_text(u.name), chat_search_text($4)) > 0)`;

/** Those whose name, or the partner's, holds the text. Only Postgres compares names as it does elsewhere, so it is given them. */
async function searchRooms(
  { session, sql }: ReadDeps,
  userId: number,
  candidates: readonly Candidate[],
  search: string,
): Promise<Candidate[]> {
  const names = await mapInParallel(
    candidates,
    MAX_PARALLEL_READS,
    async ({ head }) => (await readDetails(session, head.id))?.name ?? null,
  );
  const { rows } = await sql.query<{ id: string }>(SEARCH, [
    candidates.map(({ head }) => head.id),
    names,
    candidates.map(({ head }) => partnerOf(head, userId)),
    search,
  ]);
  const found = new Set(rows.map(({ id }) => id));
  return candidates.filter(({ head }) => found.has(head.id));
}

/** A room of the page, as far as Scylla knows it. */
interface Listed {
  readonly seen: SeenRoom;
  readonly content: RoomContent;
  readonly joiners: RecentJoiners;
}

/** Full views of the rooms, in order; with the most recent joiners, and one statement for all users in them. */
async function readListed(deps: ReadDeps, candidates: readonly Candidate[]): Promise<Room[]> {
  const read = await mapInParallel(
    candidates,
    PARALLEL_ROOMS,
    async ({ me }) => await readOne(deps.session, me),
  );
  // A room may have been dissolved just now.
  const listed = read.filter((room) => room !== undefined);
  const profiles = await loadProfiles(
    deps.sql,
    listed.flatMap(({ seen, content, joiners }) => [
      ...namedIn(seen, content),
      ...joiners.members.map(({ user_id }) => user_id),
    ]),
  );
  return await mapInParallel(listed, PARALLEL_ROOMS, async ({ seen, content, joiners }) => {
    const participants = await shownJoiners(deps, seen.details.room_id, joiners, profiles);
    return toFullRoom(toFullRow(seen, content, participants, profiles));
  });
}

async function readOne(session: ScyllaSession, me: ParticipantRow): Promise<Listed | undefined> {
  const seen = await readSeenRoom(session, me.user_id, me.room_id, me);
  if (seen === undefined) return undefined;
  const [content, joiners] = await Promise.all([
    readContent(session, seen),
    seen.details.type === 'p2p' ? { members: [], all: true } : readRecentJoiners(session, me.room_id),
  ]);
  return { seen, content, joiners };
}
