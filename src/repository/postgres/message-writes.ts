import { clone, create } from '@bufbuild/protobuf';
import { notFound } from '../../chat/errors.ts';
import {
  type MessageData,
  MessageDataSchema,
  MessageStatus,
  MessageStatusUpdateSchema,
  type Room,
} from '../../gen/services/chat/v1/types_pb.ts';
import type { Actor, MessageEdit } from '../rooms-repository.ts';
import type { Sql } from './db.ts';
import { loadMessages } from './message-rows.ts';
import { inRoom, type WriteDeps } from './room-changes.ts';
import { encodeEvent } from './room-journal.ts';
import { retryConflicts } from './store-errors.ts';

/** See the port. */
export async function updateMessage(
  deps: WriteDeps,
  actor: Actor,
  messageId: string,
  decide: (current: MessageData | undefined) => MessageEdit,
): Promise<MessageData> {
  const unseen = (): Error => {
    decide(undefined);
    return notFound();
  };
  const roomId = await roomOf(deps.db, messageId);
  if (roomId === undefined) throw unseen();
  return await inRoom(
    deps,
    actor,
    roomId,
    async ({ tx, room, journal }) => {
      const current = (await loadMessages(tx, [messageId], actor.userId)).get(messageId);
      if (current === undefined || current.isDeleted) throw unseen();
      const edit = decide(current);
      await tx.query(
        `UPDATE room_message SET content = $2, content_decrypted = $3, edited = true, updated_at = $4 WHERE id = $1`,
        [messageId, edit.content, edit.contentDecrypted ?? null, room.at],
      );
      const updated = clone(MessageDataSchema, current);
      updated.content = edit.content;
      updated.edited = true;
      updated.updatedAt = room.at.toISOString();
      // In the event every status is SENT: it is read by many.
      const announced = clone(MessageDataSchema, updated);
      announced.status = MessageStatus.SENT;
      journal.event({ case: 'updateMessage', value: announced });
      return updated;
    },
    unseen,
  );
}

/** See the port. */
export async function deleteMessages(
  deps: WriteDeps,
  actor: Actor,
  roomId: string,
  messageIds: readonly string[],
  decide: (room: Room, found: ReadonlyMap<string, { readonly senderId: number }>) => void,
): Promise<void> {
  const ids = [...new Set(messageIds)];
  await inRoom(deps, actor, roomId, async ({ tx, room, view, journal }) => {
    const found = await findMessages(tx, roomId, ids);
    decide(view, found);
    if (found.size !== ids.length) throw notFound();
    if (ids.length === 0) return;
    await tx.query(
      `UPDATE room_message SET deleted_at = $2, updated_at = $2, "isDeleted" = true, content_decrypted = NULL
       WHERE id = ANY ($1::uuid[])`,
      [ids, room.at],
    );
    await tx.query(
      `UPDATE room SET "lastMessageAt" = (
         SELECT created_at FROM room_message WHERE room_id = $1 AND deleted_at IS NULL ORDER BY sequence DESC LIMIT 1
       ) WHERE id = $1`,
      [roomId],
    );
    for (const id of ids) journal.event({ case: 'deleteMessage', value: id });
  });
}

/** See the port. */
export async function reactToMessage(
  deps: WriteDeps,
  actor: Actor,
  messageId: string,
  reaction: string,
): Promise<void> {
  const roomId = await roomOf(deps.db, messageId);
  if (roomId === undefined) throw notFound();
  await inRoom(deps, actor, roomId, async ({ tx, room, journal }) => {
    if (!(await findMessages(tx, roomId, [messageId])).has(messageId)) throw notFound();
    if (!(await writeReaction(tx, room.at, actor.userId, messageId, reaction))) return;
    await tx.query('UPDATE room_message SET updated_at = $2 WHERE id = $1', [messageId, room.at]);
    const message = (await loadMessages(tx, [messageId], undefined)).get(messageId);
    if (message !== undefined) journal.event({ case: 'updateMessage', value: message });
  });
}

/** See the port. Two round trips, and the room is locked during one: members of a busy room read all the time. */
export async function markMessagesAsRead(
  deps: WriteDeps,
  actor: Actor,
  roomId: string,
  messageIds: readonly string[],
  readAt: string,
): Promise<number> {
  const ids = [...new Set(messageIds)];
  if (ids.length === 0) return 0;
  const traceContext = deps.traceContext?.();
  // Author and number of a message never change, so they may be read before the lock.
  const found = await findMessages(deps.db, roomId, ids);
  if (found.size !== ids.length) throw notFound();
  const read = ids.flatMap((id) => {
    const message = found.get(id);
    return message === undefined || message.senderId === actor.userId ? [] : [{ id, ...message }];
  });
  const events = read.map(({ id, senderId }) =>
    encodeEvent(roomId, {
      case: 'statusUpdate',
      value: create(MessageStatusUpdateSchema, {
        messageId: id,
        status: MessageStatus.READ,
        updatedAt: readAt,
        userId: actor.userId,
        senderId,
      }),
    }),
  );
  const { rows } = await retryConflicts(
    async () =>
      await deps.db.query<{ marked: number | null }>(
        '/* mark_read */ SELECT chat_mark_read($1::uuid, $2::int, $3::uuid[], $4::bigint, $5::uuid[], $6::bytea[], $7::text) AS marked',
        [
          roomId,
          actor.userId,
          ids,
          Math.max(0, ...read.map(({ sequence }) => sequence)),
          events.map(({ eventId }) => eventId),
          events.map(({ payload }) => payload),
          traceContext ?? null,
        ],
      ),
  );
  const marked = rows[0]?.marked ?? null;
  if (marked === null) throw notFound();
  if (events.length > 0) deps.events.notify();
  return marked;
}

/** True when something changed. */
async function writeReaction(
  tx: Sql,
  at: Date,
  userId: number,
  messageId: string,
  reaction: string,
): Promise<boolean> {
  if (reaction === '') {
    const removed = await tx.query(
      `UPDATE room_message_reaction SET deleted_at = $3, updated_at = $3
       WHERE "messageId" = $1 AND "reactedById" = $2 AND deleted_at IS NULL`,
      [messageId, userId, at],
    );
    return removed.rowCount > 0;
  }
  await tx.query(
    `INSERT INTO room_message_reaction ("messageId", "reactedById", reaction, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $4)
     ON CONFLICT ("messageId", "reactedById") WHERE deleted_at IS NULL
     DO UPDATE SET reaction = excluded.reaction, updated_at = excluded.updated_at`,
    [messageId, userId, reaction, at],
  );
  return true;
}

/** Those of the messages that are in the room and not deleted. */
async function findMessages(
  sql: Sql,
  roomId: string,
  ids: readonly string[],
): Promise<Map<string, { readonly senderId: number; readonly sequence: number }>> {
  // By their keys alone: with the conditions inside, a plan might walk through the whole room.
  const { rows } = await sql.query<FoundRow>(
    '/* find_messages */ SELECT id, room_id, sender_id, sequence, deleted_at FROM room_message WHERE id = ANY ($1::uuid[])',
    [ids],
  );
  const found = rows.filter((row) => row.room_id === roomId && row.deleted_at === null);
  return new Map(found.map((row) => [row.id, { senderId: row.sender_id, sequence: row.sequence }]));
}

/** A message never changes its room. */
async function roomOf(sql: Sql, messageId: string): Promise<string | undefined> {
  const { rows } = await sql.query<{ room_id: string }>('SELECT room_id FROM room_message WHERE id = $1', [
    messageId,
  ]);
  return rows[0]?.room_id;
}

interface FoundRow {
  readonly id: string;
  readonly room_id: string;
  readonly sender_id: number;
  readonly sequence: number;
  readonly deleted_at: Date | null;
}
