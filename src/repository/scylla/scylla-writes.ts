import type { RoomWrites } from '../postgres/postgres-rooms-repository.ts';
import { guarded } from '../postgres/store-errors.ts';
import { createScyllaRoom } from './create-room.ts';
import {
  deleteScyllaMessages,
  markScyllaMessagesAsRead,
  reactToScyllaMessage,
  updateScyllaMessage,
} from './message-writes.ts';
import type { ScyllaWriteDeps } from './room-change.ts';
import { changeScyllaRoom, pinScyllaRoom } from './room-writes.ts';
import { createScyllaSaveMessage } from './save-messages.ts';

/** Writes for rooms that are in Scylla alone: decided and announced in PostgreSQL, under the room's lock, and answered when Scylla has them. */
export function createScyllaWrites(deps: ScyllaWriteDeps): RoomWrites {
  const saveMessage = createScyllaSaveMessage(deps);
  return {
    createRoom: (room) => guarded(() => createScyllaRoom(deps, room)),
    pinRoom: (actor, roomId) => guarded(() => pinScyllaRoom(deps, actor, roomId)),
    muteRoom: (actor, roomId, decide) => guarded(() => changeScyllaRoom(deps, actor, roomId, [], decide)),
    blockUser: (actor, roomId, decide) => guarded(() => changeScyllaRoom(deps, actor, roomId, [], decide)),
    updateRoom: (actor, roomId, decide) => guarded(() => changeScyllaRoom(deps, actor, roomId, [], decide)),
    updateParticipantRoom: (actor, roomId, userId, decide) =>
      guarded(() => changeScyllaRoom(deps, actor, roomId, [userId], decide)),
    addParticipantToRoom: (actor, roomId, userIds, decide) =>
      guarded(() => changeScyllaRoom(deps, actor, roomId, userIds, decide)),
    leaveRoom: (actor, roomId, userIds, decide) =>
      guarded(() => changeScyllaRoom(deps, actor, roomId, userIds, decide)),
    saveMessage: (message) => guarded(() => saveMessage(message)),
    updateMessage: (actor, messageId, decide) =>
      guarded(() => updateScyllaMessage(deps, actor, messageId, decide)),
    deleteMessages: (actor, roomId, messageIds, decide) =>
      guarded(() => deleteScyllaMessages(deps, actor, roomId, messageIds, decide)),
    reactToMessage: (actor, messageId, reaction) =>
      guarded(() => reactToScyllaMessage(deps, actor, messageId, reaction)),
    markMessagesAsRead: (actor, roomId, messageIds, readAt) =>
      guarded(() => markScyllaMessagesAsRead(deps, actor, roomId, messageIds, readAt)),
  };
}
