import { type MessageData, MessageStatus } from '../../gen/services/chat/v1/types_pb.ts';
import { type MessageRow, type ReplyJson, toMessage } from '../message-data.ts';
import { MAX_PARALLEL_READS, mapInParallel } from './in-parallel.ts';
import { readDetails, readMember } from './members.ts';
import { readMessages, type StoredMessage } from './message-places.ts';
import { loadProfiles, type Profile, type ReadDeps } from './profiles.ts';
import type { ScyllaSession } from './session.ts';
import type { ParticipantRow, ReactionRow, RoomDetailsRow } from './tables.ts';

const REACTIONS = 'SELECT user_id, reaction, created_at FROM {ks}.reactions_by_message WHERE message_id = ?';

/** Whose view it is, and what of him and of the rooms is known already, by room: the rest is read when it is needed. */
export interface Viewer {
  readonly id: number;
  readonly members?: ReadonlyMap<string, Pick<ParticipantRow, 'read_sequence'>>;
  readonly details?: ReadonlyMap<string, RoomDetailsRow>;
}

/**
 * Messages by id, complete as the viewer sees them; unknown ids are left out.
 * Without a viewer the view is neutral: every status is SENT. A deleted message is emptied (behaviour D65).
 * Does not ask whether the viewer may see them.
 */
export async function loadMessages(
  deps: ReadDeps,
  ids: readonly string[],
  viewerId: number | undefined,
): Promise<Map<string, MessageData>> {
  const rows = await readMessages(deps.session, ids);
  const viewer = viewerId === undefined ? undefined : { id: viewerId };
  const messages = await toMessages(deps, [...rows.values()], viewer);
  return new Map(messages.map((message) => [message.id, message]));
}

/** Stored messages as the viewer sees them, in the same order, with all that hangs on them. */
export async function toMessages(
  deps: ReadDeps,
  rows: readonly StoredMessage[],
  viewer: Viewer | undefined,
): Promise<MessageData[]> {
  if (rows.length === 0) return [];
  const { session, sql } = deps;
  const [replies, reactions, statusOf] = await Promise.all([
    readReplies(session, rows),
    readReactions(session, rows),
    statusesFor(session, rows, viewer),
  ]);
  const profiles = await loadProfiles(sql, namedUsers(rows, replies));
  return rows.flatMap((row) => {
    const sender = profiles.get(row.sender_id);
    if (sender === undefined) return [];
    const reply = row.reply_to_message_id === null ? undefined : replies.get(row.reply_to_message_id);
    return toMessage({
      ...frameOf(row, sender),
      ...forwardOf(row, profiles),
      status: statusOf(row),
      reply: reply === undefined ? null : toReplyJson(reply, profiles),
      mentions: mentionsOf(row, profiles),
      reactions: (reactions.get(row.message_id) ?? []).map(({ user_id, reaction }) => [user_id, reaction]),
    });
  });
}

/** Status of a message for its author (behaviour 3.6): READ when anybody else has read it. `room` names the two furthest readers. */
export function statusForAuthor(
  message: { readonly sender_id: number; readonly sequence: number },
  room: RoomDetailsRow | undefined,
): MessageStatus {
  const furthest = room?.reader1_id === message.sender_id ? room.reader2_sequence : room?.reader1_sequence;
  return statusAt(message.sequence, furthest);
}

/** Status of a message for somebody who has read up to `position`; for its author `room` decides. */
export function statusForViewer(
  message: { readonly sender_id: number; readonly sequence: number },
  viewerId: number,
  position: number | null | undefined,
  room: RoomDetailsRow | undefined,
): MessageStatus {
  if (message.sender_id === viewerId) return statusForAuthor(message, room);
  return statusAt(message.sequence, position);
}

function statusAt(sequence: number, position: number | null | undefined): MessageStatus {
  return sequence <= (position ?? 0) ? MessageStatus.READ : MessageStatus.SENT;
}

/** Reads what the viewer's statuses depend on: his positions, and the readers of rooms in which he wrote. */
async function statusesFor(
  session: ScyllaSession,
  rows: readonly StoredMessage[],
  viewer: Viewer | undefined,
): Promise<(row: StoredMessage) => MessageStatus> {
  if (viewer === undefined) return () => MessageStatus.SENT;
  const roomsOf = (messages: readonly StoredMessage[]) => messages.map((row) => row.room_id);
  const own = roomsOf(rows.filter((row) => row.sender_id === viewer.id));
  const others = roomsOf(rows.filter((row) => row.sender_id !== viewer.id));
  const [details, members] = await Promise.all([
    completed(own, viewer.details, async (roomId) => await readDetails(session, roomId)),
    completed(others, viewer.members, async (roomId) => await readMember(session, roomId, viewer.id)),
  ]);
  return (row) =>
    statusForViewer(row, viewer.id, members.get(row.room_id)?.read_sequence, details.get(row.room_id));
}

/** What is known of rooms, and what had to be read of those that were missing. */
async function completed<V>(
  roomIds: readonly string[],
  known: ReadonlyMap<string, V> = new Map(),
  read: (roomId: string) => Promise<V | undefined>,
): Promise<Map<string, V | undefined>> {
  const missing = [...new Set(roomIds)].filter((roomId) => !known.has(roomId));
  const found = await mapInParallel(
    missing,
    MAX_PARALLEL_READS,
    async (roomId) => [roomId, await read(roomId)] as const,
  );
  return new Map([...known, ...found]);
}

/** The replied messages by id. */
async function readReplies(
  session: ScyllaSession,
  rows: readonly StoredMessage[],
): Promise<Map<string, StoredMessage>> {
  const wanted = new Set(rows.flatMap((row) => row.reply_to_message_id ?? []));
  if (wanted.size === 0) return new Map();
  // Many replies are to a message of the same page.
  const known = rows.filter((row) => wanted.has(row.message_id));
  for (const row of known) wanted.delete(row.message_id);
  const found = await readMessages(session, [...wanted]);
  for (const row of known) found.set(row.message_id, row);
  return found;
}

/** Reactions by message, oldest first. */
async function readReactions(
  session: ScyllaSession,
  rows: readonly StoredMessage[],
): Promise<Map<string, readonly ReactionRow[]>> {
  const wanted = rows.filter((row) => row.has_reactions === true && row.deleted_at === null);
  const found = await mapInParallel(wanted, MAX_PARALLEL_READS, async ({ message_id }) => {
    const reactions = await session.read<ReactionRow>(REACTIONS, [message_id]);
    // They come by user.
    const sorted = reactions.toSorted((a, b) => a.created_at.getTime() - b.created_at.getTime());
    return [message_id, sorted] as const;
  });
  return new Map(found);
}

function namedUsers(
  rows: readonly StoredMessage[],
  replies: ReadonlyMap<string, StoredMessage>,
): Set<number> {
  const ids = new Set<number>();
  for (const row of rows) {
    ids.add(row.sender_id);
    if (row.forwarded_from_sender_id !== null) ids.add(row.forwarded_from_sender_id);
    for (const [userId] of row.mentions ?? []) ids.add(userId);
  }
  for (const reply of replies.values()) ids.add(reply.sender_id);
  return ids;
}

function frameOf(row: StoredMessage, sender: Profile) {
  return {
    ...row,
    id: row.message_id,
    sender_name: sender.name,
    sender_phone: sender.phone,
    sender_avatar: sender.avatar,
    file: row.file_url,
    edited: row.edited ?? false,
    is_deleted: row.deleted_at !== null,
  };
}

function forwardOf(
  row: StoredMessage,
  profiles: ReadonlyMap<number, Profile>,
): Pick<MessageRow, 'forwarded_message_id' | 'forwarded_sender_id' | 'forwarded_sender'> {
  const senderId = row.forwarded_from_sender_id;
  const sender = senderId === null ? undefined : profiles.get(senderId);
  return {
    forwarded_message_id: row.forwarded_from_message_id,
    forwarded_sender_id: senderId,
    forwarded_sender: sender === undefined ? null : [sender.name, sender.phone, sender.avatar],
  };
}

/** The store keeps a set in the order of its elements: by user, then by tag. */
function mentionsOf(row: StoredMessage, profiles: ReadonlyMap<number, Profile>): MessageRow['mentions'] {
  return (row.mentions ?? []).flatMap(([userId, tag]) => {
    const user = profiles.get(userId);
    return user === undefined ? [] : [[userId, user.name, user.phone, tag] as const];
  });
}

function toReplyJson(row: StoredMessage, profiles: ReadonlyMap<number, Profile>): ReplyJson | null {
  const sender = profiles.get(row.sender_id);
  if (sender === undefined) return null;
  return {
    id: row.message_id,
    room_id: row.room_id,
    sequence: row.sequence,
    sender_id: row.sender_id,
    sender_name: sender.name,
    sender_phone: sender.phone,
    sender_avatar: sender.avatar,
    content: row.deleted_at === null ? row.content : null,
    is_deleted: row.deleted_at !== null,
    type: row.type,
    created_at: row.created_at,
    updated_at: row.updated_at,
  };
}
