import { ChatError, type Reason } from '../chat/errors.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Tracing } from '../tracing/tracing.ts';
import type { RoomsRepository } from './rooms-repository.ts';

/** Reasons that say that the store failed, and not that it refused. */
const FAULTS: ReadonlySet<string> = new Set<Reason>([
  'internal_server_error',
  'store_unavailable',
  'overloaded',
]);

/**
 * The same repository, with the time of every operation observed under its name in snake_case, and a span for it where it is part
 * of a trace.
 */
export function measured(
  rooms: RoomsRepository,
  duration: Metrics['queryDuration'],
  database: 'postgres' | 'scylladb',
  tracing?: Tracing,
): RoomsRepository {
  const wrap = <A extends unknown[], R>(
    operation: string,
    call: (...args: A) => Promise<R>,
  ): ((...args: A) => Promise<R>) => {
    const timer = duration.labels({ operation, database });
    const work = tracing === undefined ? call : traced(tracing, operation, database, call);
    return async (...args) => {
      const startedAt = performance.now();
      try {
        return await work(...args);
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

/** The operation in a span under that of its caller; without one, what it does is nobody's question. */
function traced<A extends unknown[], R>(
  tracing: Tracing,
  operation: string,
  database: 'postgres' | 'scylladb',
  call: (...args: A) => Promise<R>,
): (...args: A) => Promise<R> {
  const system = database === 'postgres' ? 'postgresql' : database;
  const start = {
    name: operation,
    kind: 'client',
    attributes: { 'db.system.name': system, 'db.operation.name': operation },
  } as const;
  return async (...args) => {
    const span = tracing.child(start);
    if (span === undefined) return await call(...args);
    try {
      const result = await tracing.run(span, () => call(...args));
      span.end();
      return result;
    } catch (error) {
      const reason = error instanceof ChatError ? error.reason : 'internal_server_error';
      span.end({ attributes: { 'error.type': reason }, error: FAULTS.has(reason) ? reason : undefined });
      throw error;
    }
  };
}
