import type { Room } from '../../gen/services/chat/v1/types_pb.ts';
import {
  type FullRoomRow,
  type LastMessageJson,
  type ParticipantJson,
  type RoomRow,
  toFullRoom,
  toLightRoom,
} from '../room-data.ts';
import { readLastMessage } from './last-message.ts';
import { isVisible, readDetails, readMember } from './members.ts';
import { statusForViewer } from './message-rows.ts';
import { firstByName } from './participants.ts';
import { loadProfiles, type Profile, type ReadDeps } from './profiles.ts';
import { countUnread, type Preview, readNewest } from './sequences.ts';
import type { ScyllaSession } from './session.ts';
import type { ParticipantRow, RoomDetailsRow } from './tables.ts';

/** Where a room's view gets what Postgres has to say. */
export interface RoomSources {
  profiles(userIds: readonly number[]): Promise<ReadonlyMap<number, Profile>>;
  firstByName(roomId: string): Promise<readonly ParticipantJson[]>;
}

/**
 * The room as the user sees it; undefined when he is not an active member, or when the room is deleted or lacks its partner.
 * A light view takes one round trip, of a p2p room one more for the partner.
 * At most one statement of `deps.sql` runs at a time.
 */
export async function loadRoom(
  deps: ReadDeps,
  userId: number,
  roomId: string,
  view: 'full' | 'light',
  sources: RoomSources = unsharedSources(deps),
): Promise<Room | undefined> {
  const seen = await readSeenRoom(deps.session, userId, roomId);
  if (seen === undefined || (seen.details.type === 'p2p' && seen.partner === undefined)) return undefined;
  if (view === 'light') return toLightRoom(toRoomRow(seen, await sources.profiles(namedIn(seen))));
  const content = await readContent(deps.session, seen);
  const participants = seen.details.type === 'p2p' ? [] : await sources.firstByName(roomId);
  const profiles = await sources.profiles(namedIn(seen, content));
  return toFullRoom(toFullRow(seen, content, participants, profiles));
}

/** What a light view shows, as far as Scylla knows it. */
export interface SeenRoom {
  readonly me: ParticipantRow;
  readonly details: RoomDetailsRow;
  /** However he left. */
  readonly partner: ParticipantRow | undefined;
}

/** The room when the user sees it; `known` is his membership when it was read already. */
export async function readSeenRoom(
  session: ScyllaSession,
  userId: number,
  roomId: string,
  known?: ParticipantRow,
): Promise<SeenRoom | undefined> {
  const [me, details] = await Promise.all([
    known ?? readMember(session, roomId, userId),
    readDetails(session, roomId),
  ]);
  if (me === undefined || details === undefined || !isVisible(me, details)) return undefined;
  const partnerId = partnerOf(details, userId);
  const partner = partnerId === null ? undefined : await readMember(session, roomId, partnerId);
  return { me, details, partner };
}

/** What a full view shows besides, as far as Scylla knows it. */
export interface RoomContent {
  readonly lastSequence: number;
  readonly unread: number;
  readonly last: Preview | undefined;
}

/** Reads how much of the room is unread, and its last message. */
export async function readContent(session: ScyllaSession, { me, details }: SeenRoom): Promise<RoomContent> {
  const newest = await readNewest(session, me.room_id, Promise.resolve(details));
  const lastSequence = newest?.sequence ?? 0;
  // The member has read, or never was to read, everything up to here.
  const lower = Math.max(me.read_sequence ?? 0, me.join_sequence ?? 0);
  const interval = { lower, upper: lastSequence + 1 };
  const [unread, last] = await Promise.all([
    countUnread(session, me.room_id, me.user_id, interval),
    readLastMessage(session, me.room_id, newest),
  ]);
  return { lastSequence, unread, last };
}

/** The users whose profiles a view needs, participants aside. */
export function namedIn({ partner }: SeenRoom, content?: RoomContent): number[] {
  return [
    ...(partner === undefined ? [] : [partner.user_id]),
    ...(content?.last === undefined ? [] : [content.last.sender_id]),
  ];
}

/** All of a full view. */
export function toFullRow(
  seen: SeenRoom,
  { lastSequence, unread, last }: RoomContent,
  participants: readonly ParticipantJson[],
  profiles: ReadonlyMap<number, Profile>,
): FullRoomRow {
  return {
    ...toRoomRow(seen, profiles),
    last_sequence: lastSequence,
    unread_count: unread,
    last_message: last === undefined ? null : toLastMessageJson(seen, last, profiles),
    participants,
  };
}

/** The other one of the pair of a p2p room; null for other rooms. */
export function partnerOf(
  room: { readonly p2p_low: number | null; readonly p2p_high: number | null },
  userId: number,
): number | null {
  return room.p2p_low === userId ? room.p2p_high : room.p2p_low;
}

function toRoomRow({ me, details, partner }: SeenRoom, profiles: ReadonlyMap<number, Profile>): RoomRow {
  const profile = partner === undefined ? undefined : profiles.get(partner.user_id);
  return {
    id: details.room_id,
    name: details.name,
    description: details.description,
    image: details.image,
    encription_data: details.encryption_data,
    type: details.type,
    join_all_user: details.join_all_user ?? false,
    send_message: details.send_message ?? true,
    add_member: details.add_member ?? false,
    edit_group: details.edit_group ?? false,
    created_at: details.created_at,
    updated_at: details.updated_at,
    role: me.role,
    is_pinned: me.is_pinned ?? false,
    is_muted: me.is_muted ?? false,
    is_partner_blocked: me.is_partner_blocked ?? false,
    read_sequence: me.read_sequence ?? 0,
    partner_id: partner?.user_id ?? null,
    partner_name: profile?.name ?? null,
    partner_phone: profile?.phone ?? null,
    partner_avatar: profile?.avatar ?? null,
    partner_role: partner?.role ?? null,
    blocked_by_partner: partner?.is_partner_blocked ?? null,
    muted_by_partner: partner?.is_muted ?? null,
  };
}

function toLastMessageJson(
  { me, details }: SeenRoom,
  last: Preview,
  profiles: ReadonlyMap<number, Profile>,
): LastMessageJson | null {
  const sender = profiles.get(last.sender_id);
  if (sender === undefined) return null;
  return {
    id: last.message_id,
    sequence: last.sequence,
    sender_id: last.sender_id,
    sender_name: sender.name,
    sender_phone: sender.phone,
    sender_avatar: sender.avatar,
    content: last.content,
    type: last.type,
    event: last.event,
    created_at: last.created_at,
    updated_at: last.updated_at,
    status: statusForViewer(last, me.user_id, me.read_sequence, details),
  };
}

function unsharedSources(deps: ReadDeps): RoomSources {
  return {
    profiles: async (userIds) => await loadProfiles(deps.sql, userIds),
    firstByName: async (roomId) => (await firstByName(deps, [roomId]))[0] ?? [],
  };
}
