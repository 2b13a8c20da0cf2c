import type { Sql } from '../postgres/db.ts';

/** Whether Scylla has everything that PostgreSQL has committed so far, as far as a read can tell. */
export interface CaughtUp {
  /** In one room. */
  room(roomId: string): Promise<boolean>;
  /** In all rooms that the user is or was in. */
  rooms(userId: number): Promise<boolean>;
  /** In the room of a message. */
  message(messageId: string): Promise<boolean>;
  /** In the room of the message that the sender sent with that client-side id. */
  sent(senderId: number, senderMessageId: string): Promise<boolean>;
}

/** Asks PostgreSQL, where everything is that Scylla follows. */
export function createCaughtUp(sql: Sql): CaughtUp {
  const none = async (text: string, params: readonly unknown[]): Promise<boolean> => {
    const { rows } = await sql.query<{ behind: boolean }>(text, params);
    return rows[0]?.behind === false;
  };
  return {
    room: (roomId) => none(ROOM, [roomId]),
    rooms: (userId) => none(ROOMS, [userId]),
    message: (messageId) => none(MESSAGE, [messageId]),
    sent: (senderId, key) => none(SENT, [senderId, key]),
  };
}

/** An instance that does not follow has ended the following for all: from then on nobody knows what Scylla lacks. */
const BEHIND = `(SELECT mirror_since IS NULL FROM chat_store) OR EXISTS`;
const ROOM = `/* room_is_behind */ SELECT ${BEHIND} (SELECT FROM scylla_change WHERE room_id = $1::uuid) AS behind`;
const ROOMS = `/* rooms_are_behind */ SELECT ${BEHIND} (
  SELECT FROM room_member m JOIN scylla_change c ON c.room_id = m.room_id WHERE m.user_id = $1::int) AS behind`;
const MESSAGE = `/* message_is_behind */ SELECT ${BEHIND} (
  SELECT FROM room_message m JOIN scylla_change c ON c.room_id = m.room_id WHERE m.id = $1::uuid) AS behind`;
const SENT = `/* sent_is_behind */ SELECT ${BEHIND} (
  SELECT FROM room_message m JOIN scylla_change c ON c.room_id = m.room_id
  WHERE m.sender_id = $1::int AND m.sender_message_id = $2) AS behind`;
