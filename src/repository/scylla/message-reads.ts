import type { MessageData, MessageStatus } from '../../gen/services/chat/v1/types_pb.ts';
import type { Db } from '../postgres/db.ts';
import type { MessageReads } from '../postgres/message-reads.ts';
import { guarded } from '../postgres/store-errors.ts';
import { readDetails, readVisible } from './members.ts';
import { getMessageHistory } from './message-history.ts';
import { keyPlace, messagePlace, readMessageAt } from './message-places.ts';
import { statusForAuthor, toMessages } from './message-rows.ts';
import { getMessagesForSync } from './message-sync.ts';
import type { ReadDeps } from './profiles.ts';
import { getMessageReactions, getMessageRead } from './receipts.ts';
import type { ScyllaSession } from './session.ts';

/** Reads messages from Scylla, and from Postgres the users in them. */
export function createScyllaMessageReads(deps: {
  readonly session: ScyllaSession;
  readonly db: Db;
}): MessageReads {
  const reads: ReadDeps = { session: deps.session, sql: deps.db };
  return {
    getMessage: (userId, messageId) => guarded(() => getMessage(reads, userId, messageId)),
    getSenderMessageStatus: (senderId, senderMessageId) =>
      guarded(() => getSenderMessageStatus(reads.session, senderId, senderMessageId)),
    getMessageHistory: (userId, roomId, query) =>
      guarded(() => getMessageHistory(reads, userId, roomId, query)),
    getMessagesForSync: (userId, query) => guarded(() => getMessagesForSync(reads, userId, query)),
    getMessageRead: (messageId, paging) => guarded(() => getMessageRead(reads, messageId, paging)),
    getMessageReactions: (messageId, paging) => guarded(() => getMessageReactions(reads, messageId, paging)),
  };
}

async function getMessage(
  deps: ReadDeps,
  userId: number,
  messageId: string,
): Promise<MessageData | undefined> {
  const place = await messagePlace(deps, messageId);
  if (place === undefined) return undefined;
  const roomId = place.room_id;
  const [row, visible] = await Promise.all([
    readMessageAt(deps.session, place),
    readVisible(deps.session, userId, roomId),
  ]);
  if (row === undefined || visible === undefined) return undefined;
  const members = new Map([[roomId, visible.me]]);
  const details = new Map([[roomId, visible.details]]);
  return (await toMessages(deps, [row], { id: userId, members, details }))[0];
}

async function getSenderMessageStatus(
  session: ScyllaSession,
  senderId: number,
  senderMessageId: string,
): Promise<MessageStatus | undefined> {
  const place = await keyPlace(session, senderId, senderMessageId);
  if (place === undefined) return undefined;
  const [message, details] = await Promise.all([
    readMessageAt(session, place),
    readDetails(session, place.room_id),
  ]);
  return message === undefined || message.deleted_at !== null ? undefined : statusForAuthor(message, details);
}
