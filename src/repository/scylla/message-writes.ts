import { clone, create } from '@bufbuild/protobuf';
import { notFound } from '../../chat/errors.ts';
import {
  type MessageData,
  MessageDataSchema,
  MessageStatus,
  MessageStatusUpdateSchema,
  ReactionSchema,
  type Room,
} from '../../gen/services/chat/v1/types_pb.ts';
import type { Actor, MessageEdit } from '../rooms-repository.ts';
import type { MessageImage } from './changes.ts';
import { readDetails } from './members.ts';
import { messagePlace, readMessages, readMessagesAt, type StoredMessage } from './message-places.ts';
import { toMessages } from './message-rows.ts';
import type { ReadDeps } from './profiles.ts';
import { moveReadPosition } from './read-position.ts';
import { inScyllaRoom, type ScyllaRoomWork, type ScyllaWriteDeps } from './room-change.ts';
import { readLastSequence, undeletedSequences } from './sequences.ts';
import type { ReactionRow } from './tables.ts';

/** See the port. */
export async function updateScyllaMessage(
  deps: ScyllaWriteDeps,
  actor: Actor,
  messageId: string,
  decide: (current: MessageData | undefined) => MessageEdit,
): Promise<MessageData> {
  const unseen = (): Error => {
    decide(undefined);
    return notFound();
  };
  const place = await messagePlace(readDeps(deps, deps.db), messageId);
  if (place === undefined) throw unseen();
  return await inScyllaRoom(
    deps,
    actor,
    place.room_id,
    async (work) => {
      const row = (await findMessages(deps, work, [messageId])).get(messageId);
      const current = row && (await viewed(deps, work, row, actor.userId));
      if (row === undefined || current === undefined) throw unseen();
      const edit = decide(current);
      changeMessage(work, row, {
        content: edit.content,
        content_decrypted: edit.contentDecrypted ?? null,
        edited: true,
      });
      const updated = clone(MessageDataSchema, current);
      updated.content = edit.content;
      updated.edited = true;
      updated.updatedAt = work.locked.at.toISOString();
      // In the event every status is SENT: it is read by many.
      const announced = clone(MessageDataSchema, updated);
      announced.status = MessageStatus.SENT;
      work.journal.event({ case: 'updateMessage', value: announced });
      return updated;
    },
    unseen,
  );
}

/** See the port. */
export async function deleteScyllaMessages(
  deps: ScyllaWriteDeps,
  actor: Actor,
  roomId: string,
  messageIds: readonly string[],
  decide: (room: Room, found: ReadonlyMap<string, { readonly senderId: number }>) => void,
): Promise<void> {
  const ids = [...new Set(messageIds)];
  await inScyllaRoom(deps, actor, roomId, async (work) => {
    const found = await findMessages(deps, work, ids);
    decide(work.view, new Map([...found].map(([id, row]) => [id, { senderId: row.sender_id }])));
    if (found.size !== ids.length) throw notFound();
    if (ids.length === 0) return;
    for (const row of found.values()) {
      changeMessage(work, row, { content_decrypted: null, deleted_at: work.locked.at.toISOString() });
    }
    const newest = await newestBut(deps, roomId, [...found.values()]);
    await work.tx.query('UPDATE room SET "lastMessageAt" = $2 WHERE id = $1', [
      roomId,
      newest?.created_at ?? null,
    ]);
    for (const id of ids) work.journal.event({ case: 'deleteMessage', value: id });
  });
}

/** The newest undeleted message beside those that are about to be deleted. */
async function newestBut(
  { session }: ScyllaWriteDeps,
  roomId: string,
  leaving: readonly StoredMessage[],
): Promise<StoredMessage | undefined> {
  const last = await readLastSequence(session, roomId, readDetails(session, roomId));
  const candidates = await undeletedSequences(
    session,
    roomId,
    { lower: 0, upper: last + 1 },
    { limit: leaving.length + 1, offset: 0 },
  );
  const gone = new Set(leaving.map((row) => row.sequence));
  const sequence = candidates.find((candidate) => !gone.has(candidate));
  if (sequence === undefined) return undefined;
  return (await readMessagesAt(session, [{ room_id: roomId, sequence }]))[0];
}

const FIND_REACTION = 'SELECT * FROM {ks}.reactions_by_message WHERE message_id = ? AND user_id = ?';

/** See the port. */
export async function reactToScyllaMessage(
  deps: ScyllaWriteDeps,
  actor: Actor,
  messageId: string,
  reaction: string,
): Promise<void> {
  const place = await messagePlace(readDeps(deps, deps.db), messageId);
  if (place === undefined) throw notFound();
  await inScyllaRoom(deps, actor, place.room_id, async (work) => {
    const row = (await findMessages(deps, work, [messageId])).get(messageId);
    const message = row && (await viewed(deps, work, row, undefined));
    if (row === undefined || message === undefined) throw notFound();
    const [former] = await deps.session.read<ReactionRow>(FIND_REACTION, [messageId, actor.userId]);
    if (reaction === '' && former === undefined) return;
    const at = work.locked.at.toISOString();
    work.change({
      table: 'room_message_reaction',
      row: {
        message_id: messageId,
        room_id: place.room_id,
        sequence: row.sequence,
        user_id: actor.userId,
        reaction,
        created_at: former?.created_at.toISOString() ?? at,
        updated_at: at,
        deleted_at: reaction === '' ? at : null,
      },
    });
    changeMessage(work, row, {});
    work.journal.event({ case: 'updateMessage', value: withReaction(message, actor.userId, reaction, at) });
  });
}

/** The message as it is with the user's reaction, which comes last when it is a new one, or without it. */
function withReaction(message: MessageData, userId: number, reaction: string, at: string): MessageData {
  const changed = clone(MessageDataSchema, message);
  changed.updatedAt = at;
  const id = String(userId);
  const own = changed.reactions.find(({ reactedById }) => reactedById === id);
  if (reaction === '') changed.reactions = changed.reactions.filter(({ reactedById }) => reactedById !== id);
  else if (own !== undefined) own.reaction = reaction;
  else changed.reactions.push(create(ReactionSchema, { reactedById: id, reaction, messageId: message.id }));
  return changed;
}

/** See the port. */
export async function markScyllaMessagesAsRead(
  deps: ScyllaWriteDeps,
  actor: Actor,
  roomId: string,
  messageIds: readonly string[],
  readAt: string,
): Promise<number> {
  const ids = [...new Set(messageIds)];
  if (ids.length === 0) return 0;
  return await inScyllaRoom(deps, actor, roomId, async (work) => {
    const found = await findMessages(deps, work, ids);
    if (found.size !== ids.length) throw notFound();
    const read = ids.flatMap((id) => {
      const row = found.get(id);
      return row === undefined || row.sender_id === actor.userId ? [] : [row];
    });
    for (const { message_id, sender_id } of read) {
      const value = create(MessageStatusUpdateSchema, {
        messageId: message_id,
        status: MessageStatus.READ,
        updatedAt: readAt,
        userId: actor.userId,
        senderId: sender_id,
      });
      work.journal.event({ case: 'statusUpdate', value });
    }
    const position = Math.max(0, ...read.map(({ sequence }) => sequence));
    return await moveReadPosition(deps, work, actor.userId, position);
  });
}

function changeMessage(work: ScyllaRoomWork, row: StoredMessage, fields: Partial<MessageImage>): void {
  work.change({
    table: 'room_message',
    row: {
      id: row.message_id,
      room_id: row.room_id,
      sequence: row.sequence,
      sender_id: row.sender_id,
      created_at: row.created_at.toISOString(),
      updated_at: work.locked.at.toISOString(),
      ...fields,
    },
    old: { updated_at: row.updated_at.toISOString() },
  });
}

/** Those of the messages that are in the locked room and not deleted. */
async function findMessages(
  { session }: ScyllaWriteDeps,
  { head }: ScyllaRoomWork,
  ids: readonly string[],
): Promise<Map<string, StoredMessage>> {
  const rows = await readMessages(session, ids);
  return new Map([...rows].filter(([, row]) => row.room_id === head.id && row.deleted_at === null));
}

/** The message as the viewer sees it, or in the neutral view. */
async function viewed(
  deps: ScyllaWriteDeps,
  { tx }: ScyllaRoomWork,
  row: StoredMessage,
  viewer: number | undefined,
): Promise<MessageData | undefined> {
  const view = viewer === undefined ? undefined : { id: viewer };
  return (await toMessages(readDeps(deps, tx), [row], view))[0];
}

function readDeps({ session }: ScyllaWriteDeps, sql: ReadDeps['sql']): ReadDeps {
  return { session, sql };
}
