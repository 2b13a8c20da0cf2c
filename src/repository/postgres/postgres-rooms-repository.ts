import { notFound } from '../../chat/errors.ts';
import type { Actor, RoomsRepository } from '../rooms-repository.ts';
import { createRoom } from './create-room.ts';
import type { Db } from './db.ts';
import { createMessageReads } from './message-reads.ts';
import { deleteMessages, markMessagesAsRead, reactToMessage, updateMessage } from './message-writes.ts';
import { changeRoom, type WriteDeps } from './room-changes.ts';
import { createRoomReads } from './room-reads.ts';
import { createSaveMessage } from './save-messages.ts';
import { guarded } from './store-errors.ts';

/** The part of the {@link RoomsRepository} that changes rooms, members or messages. */
export type RoomWrites = Pick<
  RoomsRepository,
  | 'createRoom'
  | 'pinRoom'
  | 'muteRoom'
  | 'blockUser'
  | 'updateRoom'
  | 'updateParticipantRoom'
  | 'addParticipantToRoom'
  | 'leaveRoom'
  | 'saveMessage'
  | 'updateMessage'
  | 'deleteMessages'
  | 'reactToMessage'
  | 'markMessagesAsRead'
>;

/**
 * The RoomsRepository on Postgres: the record. `events` is signalled after commits that wrote outbox entries,
 * `notifications` after those that wrote notification jobs; without it none are written.
 */
export function createPostgresRoomsRepository(deps: WriteDeps): RoomsRepository {
  return { ...createRoomReads(deps.db), ...createMessageReads(deps.db), ...createWrites(deps) };
}

function createWrites(deps: WriteDeps): RoomWrites {
  const saveMessage = createSaveMessage(deps);
  return {
    createRoom: (room) => guarded(() => createRoom(deps, room)),
    pinRoom: (actor, roomId) => guarded(() => pinRoom(deps.db, actor, roomId)),
    muteRoom: (actor, roomId, decide) => guarded(() => changeRoom(deps, actor, roomId, [], decide)),
    blockUser: (actor, roomId, decide) => guarded(() => changeRoom(deps, actor, roomId, [], decide)),
    updateRoom: (actor, roomId, decide) => guarded(() => changeRoom(deps, actor, roomId, [], decide)),
    updateParticipantRoom: (actor, roomId, userId, decide) =>
      guarded(() => changeRoom(deps, actor, roomId, [userId], decide)),
    addParticipantToRoom: (actor, roomId, userIds, decide) =>
      guarded(() => changeRoom(deps, actor, roomId, userIds, decide)),
    leaveRoom: (actor, roomId, userIds, decide) =>
      guarded(() => changeRoom(deps, actor, roomId, userIds, decide)),
    saveMessage: (message) => guarded(() => saveMessage(message)),
    updateMessage: (actor, messageId, decide) => guarded(() => updateMessage(deps, actor, messageId, decide)),
    deleteMessages: (actor, roomId, messageIds, decide) =>
      guarded(() => deleteMessages(deps, actor, roomId, messageIds, decide)),
    reactToMessage: (actor, messageId, reaction) =>
      guarded(() => reactToMessage(deps, actor, messageId, reaction)),
    markMessagesAsRead: (actor, roomId, messageIds, readAt) =>
      guarded(() => markMessagesAsRead(deps, actor, roomId, messageIds, readAt)),
  };
}

/** One statement that announces nothing. The room's lock is only for those who copy rooms: they hold it to miss nothing. */
async function pinRoom(db: Db, actor: Actor, roomId: string): Promise<void> {
  const { rowCount } = await db.query(
    `UPDATE room_member m SET is_pinned = NOT m.is_pinned, updated_at = now()
     FROM (SELECT id FROM room WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE) r
     WHERE m.room_id = r.id AND m.user_id = $2 AND m.removed_at IS NULL AND m.deleted_at IS NULL`,
    [roomId, actor.userId],
  );
  if (rowCount === 0) throw notFound();
}
