import type { Db } from '../postgres/db.ts';
import type { MessageReads } from '../postgres/message-reads.ts';
import type { RoomWrites } from '../postgres/postgres-rooms-repository.ts';
import type { RoomReads } from '../postgres/room-reads.ts';
import { guarded } from '../postgres/store-errors.ts';
import type { RoomsRepository } from '../rooms-repository.ts';
import type { Applier } from './applier.ts';
import { createCaughtUp } from './caught-up.ts';
import { isStoreUnavailable } from './guard.ts';

/*
 * Both stores hold everything, and PostgreSQL decides. A read comes from Scylla only when nothing is noted that Scylla lacks: whoever
 * got an answer finds what it told him. When Scylla is behind, or away, PostgreSQL answers.
 */

/** All reads, from Scylla where it has what is asked for. */
export function preferScylla(
  db: Db,
  base: RoomsRepository,
  scylla: RoomReads & MessageReads,
): RoomReads & MessageReads {
  const caughtUp = createCaughtUp(db);
  return {
    getRoom: (userId, roomId, view) =>
      either(caughtUp.room(roomId), scylla, base, (store) => store.getRoom(userId, roomId, view)),
    getRoomList: (userId, query) =>
      either(caughtUp.rooms(userId), scylla, base, (store) => store.getRoomList(userId, query)),
    getDeletedRoomIds: (userId, since) =>
      either(caughtUp.rooms(userId), scylla, base, (store) => store.getDeletedRoomIds(userId, since)),
    getMemberships: (userId) =>
      either(caughtUp.rooms(userId), scylla, base, (store) => store.getMemberships(userId)),
    getRoomParticipants: (roomId, query) =>
      either(caughtUp.room(roomId), scylla, base, (store) => store.getRoomParticipants(roomId, query)),
    getActiveMembers: (roomId, userIds) =>
      either(caughtUp.room(roomId), scylla, base, (store) => store.getActiveMembers(roomId, userIds)),
    getMessage: (userId, messageId) =>
      either(caughtUp.message(messageId), scylla, base, (store) => store.getMessage(userId, messageId)),
    getSenderMessageStatus: (senderId, key) =>
      either(caughtUp.sent(senderId, key), scylla, base, (store) =>
        store.getSenderMessageStatus(senderId, key),
      ),
    getMessageHistory: (userId, roomId, query) =>
      either(caughtUp.room(roomId), scylla, base, (store) => store.getMessageHistory(userId, roomId, query)),
    getMessagesForSync: (userId, query) =>
      either(caughtUp.rooms(userId), scylla, base, (store) => store.getMessagesForSync(userId, query)),
    getMessageRead: (messageId, paging) =>
      either(caughtUp.message(messageId), scylla, base, (store) => store.getMessageRead(messageId, paging)),
    getMessageReactions: (messageId, paging) =>
      either(caughtUp.message(messageId), scylla, base, (store) =>
        store.getMessageReactions(messageId, paging),
      ),
  };
}

/**
 * Writes of PostgreSQL that are answered when Scylla has them as well. When Scylla is away they are answered all the same:
 * they are noted, and until Scylla has caught up PostgreSQL answers the reads.
 */
export function writeThrough(db: Db, base: RoomsRepository, applier: Applier): RoomWrites {
  const afterwards = async <T>(work: Promise<T>, where: string | ((result: T) => string)): Promise<T> => {
    const result = await work;
    const roomId = typeof where === 'string' ? where : where(result);
    // What fails stays noted.
    await applier.catchUpRoom(db, roomId).catch(() => undefined);
    return result;
  };
  return {
    createRoom: (room) => afterwards(base.createRoom(room), (answer) => answer.room.id),
    pinRoom: (actor, roomId) => afterwards(base.pinRoom(actor, roomId), roomId),
    muteRoom: (actor, roomId, decide) => afterwards(base.muteRoom(actor, roomId, decide), roomId),
    blockUser: (actor, roomId, decide) => afterwards(base.blockUser(actor, roomId, decide), roomId),
    updateRoom: (actor, roomId, decide) => afterwards(base.updateRoom(actor, roomId, decide), roomId),
    updateParticipantRoom: (actor, roomId, userId, decide) =>
      afterwards(base.updateParticipantRoom(actor, roomId, userId, decide), roomId),
    addParticipantToRoom: (actor, roomId, userIds, decide) =>
      afterwards(base.addParticipantToRoom(actor, roomId, userIds, decide), roomId),
    leaveRoom: (actor, roomId, userIds, decide) =>
      afterwards(base.leaveRoom(actor, roomId, userIds, decide), roomId),
    saveMessage: (message) => afterwards(base.saveMessage(message), message.roomId),
    updateMessage: (actor, messageId, decide) =>
      afterwards(base.updateMessage(actor, messageId, decide), (message) => message.roomId),
    deleteMessages: (actor, roomId, messageIds, decide) =>
      afterwards(base.deleteMessages(actor, roomId, messageIds, decide), roomId),
    async reactToMessage(actor, messageId, reaction) {
      await base.reactToMessage(actor, messageId, reaction);
      await afterwards(
        guarded(() => roomOf(db, messageId)),
        (roomId) => roomId,
      );
    },
    markMessagesAsRead: (actor, roomId, messageIds, readAt) =>
      afterwards(base.markMessagesAsRead(actor, roomId, messageIds, readAt), roomId),
  };
}

/** The room of a message that was just written to. */
async function roomOf(db: Db, messageId: string): Promise<string> {
  const { rows } = await db.query<{ room_id: string }>(
    'SELECT room_id FROM room_message WHERE id = $1::uuid',
    [messageId],
  );
  return rows[0]?.room_id ?? '';
}

/** Asks Scylla when it has everything, else PostgreSQL; also when Scylla turns out to be away. */
async function either<S, T>(
  caughtUp: Promise<boolean>,
  scylla: S,
  base: S,
  ask: (store: S) => Promise<T>,
): Promise<T> {
  if (!(await guarded(() => caughtUp))) return await ask(base);
  try {
    return await ask(scylla);
  } catch (error) {
    if (isStoreUnavailable(error)) return await ask(base);
    throw error;
  }
}
