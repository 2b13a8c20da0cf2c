import type { Metrics } from '../metrics/metrics.ts';
import type { RoomsRepository } from './rooms-repository.ts';

/** The same repository, with the time of every operation observed under its name in snake_case. */
export function measured(
  rooms: RoomsRepository,
  duration: Metrics['queryDuration'],
  database: 'postgres' | 'scylladb',
): RoomsRepository {
  const wrap = <A extends unknown[], R>(
    operation: string,
    call: (...args: A) => Promise<R>,
  ): ((...args: A) => Promise<R>) => {
    const timer = duration.labels({ operation, database });
    return async (...args) => {
      const startedAt = performance.now();
      try {
        return await call(...args);
      } finally {
        timer.observe((performance.now() - startedAt) / 1000);
      }
    };
  };
  return {
    createRoom: wrap('create_room', rooms.createRoom),
    getRoom: wrap('get_room', rooms.getRoom),
    getRoomList: wrap('get_room_list', rooms.getRoomList),
    getDeletedRoomIds: wrap('get_deleted_room_ids', rooms.getDeletedRoomIds),
    getMemberships: wrap('get_memberships', rooms.getMemberships),
    getRoomParticipants: wrap('get_room_participants', rooms.getRoomParticipants),
    getActiveMembers: wrap('get_active_members', rooms.getActiveMembers),
    pinRoom: wrap('pin_room', rooms.pinRoom),
    muteRoom: wrap('mute_room', rooms.muteRoom),
    blockUser: wrap('block_user', rooms.blockUser),
    updateRoom: wrap('update_room', rooms.updateRoom),
    updateParticipantRoom: wrap('update_participant_room', rooms.updateParticipantRoom),
    addParticipantToRoom: wrap('add_participant_to_room', rooms.addParticipantToRoom),
    leaveRoom: wrap('leave_room', rooms.leaveRoom),
    saveMessage: wrap('save_message', rooms.saveMessage),
    updateMessage: wrap('update_message', rooms.updateMessage),
    deleteMessages: wrap('delete_messages', rooms.deleteMessages),
    reactToMessage: wrap('react_to_message', rooms.reactToMessage),
    markMessagesAsRead: wrap('mark_messages_as_read', rooms.markMessagesAsRead),
    getMessage: wrap('get_message', rooms.getMessage),
    getSenderMessageStatus: wrap('get_sender_message_status', rooms.getSenderMessageStatus),
    getMessageHistory: wrap('get_message_history', rooms.getMessageHistory),
    getMessagesForSync: wrap('get_messages_for_sync', rooms.getMessagesForSync),
    getMessageRead: wrap('get_message_read', rooms.getMessageRead),
    getMessageReactions: wrap('get_message_reactions', rooms.getMessageReactions),
  };
}
