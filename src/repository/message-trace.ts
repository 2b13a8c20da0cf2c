/** A message as an operator may see it: never what it says. */
export interface TracedMessage {
  readonly id: string;
  readonly roomId: string;
  readonly sequence: number;
  readonly senderId: number;
  readonly senderMessageId: string | undefined;
  /** `user_message`, or the kind of a system message. */
  readonly type: string;
  readonly createdAt: Date;
  /** Of the last edit, reaction or deletion. */
  readonly updatedAt: Date;
  readonly isEdited: boolean;
  readonly deletedAt: Date | undefined;
}

/** Somebody who is, or was, in the room of a message. */
export interface TracedMember {
  readonly userId: number;
  readonly isActive: boolean;
  /** Messages up to this one came before he did. */
  readonly joinSequence: number;
  /** Everything up to this one is read. */
  readonly readSequence: number;
  /** When his read position reached the message; undefined before. */
  readonly readAt: Date | undefined;
}

/** How a message is named. */
export type MessageKey =
  | { readonly id: string }
  | { readonly senderId: number; readonly senderMessageId: string };

/** Finds messages in the store that has them all. Only reads. */
export interface MessageTracer {
  /** Undefined when there is none. */
  find(key: MessageKey): Promise<TracedMessage | undefined>;
  /** Members of its room by user id, at most `limit`, and how many there are. */
  members(
    message: TracedMessage,
    limit: number,
  ): Promise<{ readonly members: readonly TracedMember[]; readonly total: number }>;
}

/** A message as either store has it. */
export interface StoredMessageRow {
  readonly id: string;
  readonly room_id: string;
  readonly sequence: number;
  readonly sender_id: number;
  readonly sender_message_id: string | null;
  readonly type: string;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly edited: boolean | null;
  readonly deleted_at: Date | null;
}

/** What of a stored message an operator may see. */
export function toTracedMessage(row: StoredMessageRow): TracedMessage {
  return {
    id: row.id,
    roomId: row.room_id,
    sequence: row.sequence,
    senderId: row.sender_id,
    senderMessageId: row.sender_message_id ?? undefined,
    type: row.type,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    isEdited: row.edited ?? false,
    deletedAt: row.deleted_at ?? undefined,
  };
}
