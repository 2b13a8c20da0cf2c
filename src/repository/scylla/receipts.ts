import type { MessageUserRead, Reaction } from '../../gen/services/chat/v1/types_pb.ts';
import { toReaction, toUserRead } from '../message-data.ts';
import { pageWindow, UNPAGED } from '../paging.ts';
import type { Page, Paging } from '../rooms-repository.ts';
import { MAX_PARALLEL_READS, mapInParallel } from './in-parallel.ts';
import { readReaders } from './members.ts';
import { messagePlace, readMessageAt } from './message-places.ts';
import { loadProfiles, type ReadDeps } from './profiles.ts';
import type { ReactionRow } from './tables.ts';

const READ_AT = `SELECT read_at FROM {ks}.read_positions_by_member
  WHERE room_id = ? AND user_id = ? AND sequence >= ? LIMIT 1`;
const REACTIONS =
  'SELECT message_id, user_id, reaction, created_at, updated_at FROM {ks}.reactions_by_message WHERE message_id = ?';

/** See the port. A member has read the message when his position has reached it; the first position that did says when. */
export async function getMessageRead(
  deps: ReadDeps,
  messageId: string,
  paging: Paging,
): Promise<Page<MessageUserRead>> {
  const { session, sql } = deps;
  const place = await messagePlace(deps, messageId);
  if (place === undefined) return { items: [], total: 0 };
  const { room_id: roomId, sequence } = place;
  const [message, reached] = await Promise.all([
    readMessageAt(session, place),
    readReaders(session, roomId, sequence),
  ]);
  if (message === undefined) return { items: [], total: 0 };
  const readers = await mapInParallel(
    reached.filter((userId) => userId !== message.sender_id),
    MAX_PARALLEL_READS,
    async (userId) => {
      const [position] = await session.read<{ readonly read_at: Date }>(READ_AT, [roomId, userId, sequence]);
      return { userId, readAt: position?.read_at ?? null };
    },
  );
  readers.sort((one, other) => timeOf(one.readAt) - timeOf(other.readAt) || one.userId - other.userId);
  const { limit, offset } = pageWindow(paging, UNPAGED);
  const page = readers.slice(offset, offset + limit);
  const profiles = await loadProfiles(
    sql,
    page.map(({ userId }) => userId),
  );
  const items = page.flatMap(({ userId, readAt }) => {
    const user = profiles.get(userId);
    return user === undefined ? [] : [toUserRead({ ...user, read_at: readAt })];
  });
  return { items, total: readers.length };
}

/** Without a time last; never infinite, so that two such can be compared. */
function timeOf(readAt: Date | null): number {
  return readAt?.getTime() ?? Number.MAX_SAFE_INTEGER;
}

/** See the port. */
export async function getMessageReactions(
  { session, sql }: ReadDeps,
  messageId: string,
  paging: Paging,
): Promise<Page<Reaction>> {
  const reactions = await session.read<ReactionRow>(REACTIONS, [messageId]);
  reactions.sort(
    (one, other) => other.updated_at.getTime() - one.updated_at.getTime() || one.user_id - other.user_id,
  );
  const { limit, offset } = pageWindow(paging, UNPAGED);
  const page = reactions.slice(offset, offset + limit);
  const profiles = await loadProfiles(
    sql,
    page.map((reaction) => reaction.user_id),
  );
  const items = page.flatMap(({ user_id, reaction }) => {
    const user = profiles.get(user_id);
    return user === undefined ? [] : [toReaction(messageId, { ...user, reaction })];
  });
  return { items, total: reactions.length };
}
