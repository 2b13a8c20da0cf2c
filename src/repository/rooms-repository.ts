import type { ClientParams } from '../auth/caller.ts';
import type { Role, RoomChange, RoomState, RoomType } from '../chat/types.ts';
import type {
  MessageData,
  MessageStatus,
  MessageUserRead,
  Reaction,
  Room,
  RoomParticipant,
} from '../gen/services/chat/v1/types_pb.ts';

/**
 * Rooms, members, messages, receipts and reactions.
 *
 * Promises, held by every adapter and proved by `exerciseRoomsRepository`:
 *
 * - A write and what it announces (outbox entries, notification jobs) commit together or not at all.
 * - Message sequences of a room are 1, 2, 3 … without gaps, in commit order; room events likewise.
 * - A room is visible to its active members only: everybody else gets undefined, or `not_found` from a write.
 *   A room is visible when it is not deleted and the member was neither removed nor deleted.
 * - `decide` callbacks are pure and run under the room's lock on fresh state; what they throw aborts the write unchanged.
 * - Missing names, phones and avatars are empty text. Timestamps are RFC 3339 UTC with milliseconds.
 * - Every list is bounded. Malformed ids never reach an adapter: callers validate them first.
 * - A failure of the store is `ChatError('internal_server_error')` with the driver's error as cause.
 */
export interface RoomsRepository {
  /**
   * Creates a room with all its members, or answers the existing p2p room of the two users (`created` false, nothing announced).
   * Announces a `room_join` for each member, the creator included, and `notifications` (they may need the new room's id).
   * Throws `invalid_request_data` when a participant is unknown or removed. The room is the creator's full view.
   */
  createRoom(room: NewRoom): Promise<{ readonly room: Room; readonly created: boolean }>;

  /** One room as the user sees it. `full`: participants (first 5 by name), partner, last message, unread count. `light`, which rules need: without participants, last message, last sequence and unread count, but with the partner. */
  getRoom(userId: number, roomId: string, view: 'full' | 'light'): Promise<Room | undefined>;
  /** The user's rooms: filters, order and fields of behaviour 3.4. */
  getRoomList(userId: number, query: RoomListQuery): Promise<Page<Room>>;
  /** Rooms that were deleted or that the user lost after `since` (ISO text; undefined: ever), newest first, at most 1000. */
  getDeletedRoomIds(userId: number, since: string | undefined): Promise<string[]>;
  /** Active memberships of a user, for stream delivery; not paged. */
  getMemberships(userId: number): Promise<Membership[]>;
  /** Active members by name; `search` as for rooms. */
  getRoomParticipants(
    roomId: string,
    query: { readonly search: string } & Paging,
  ): Promise<Page<RoomParticipant>>;
  /** Which of the users are active members of the room. */
  getActiveMembers(roomId: string, userIds: readonly number[]): Promise<ReadonlyMap<number, Role>>;

  /** Toggles the actor's pinned flag. */
  pinRoom(actor: Actor, roomId: string): Promise<void>;
  /** Changes the actor's muted flag as `decide` says. */
  muteRoom(actor: Actor, roomId: string, decide: Decide): Promise<void>;
  /** Changes the actor's block flag of a p2p room as `decide` says. */
  blockUser(actor: Actor, roomId: string, decide: Decide): Promise<void>;
  /** Changes columns of the room as `decide` says. */
  updateRoom(actor: Actor, roomId: string, decide: Decide): Promise<void>;
  /** Changes roles as `decide` says; the state tells about `userId`. */
  updateParticipantRoom(actor: Actor, roomId: string, userId: number, decide: Decide): Promise<void>;
  /** Adds members as `decide` says; the state tells about `userIds`. */
  addParticipantToRoom(
    actor: Actor,
    roomId: string,
    userIds: readonly number[],
    decide: Decide,
  ): Promise<void>;
  /** Removes members, or the room, as `decide` says; the state tells about `userIds`, or all active members. */
  leaveRoom(actor: Actor, roomId: string, userIds: readonly number[] | 'all', decide: Decide): Promise<void>;

  /**
   * Stores a user's message: one round trip, grouped with concurrent calls; a bad row does not fail its neighbours.
   * Announces `status_update` SENT then `message`, and a push job when `push` is set.
   * `stored` is false when the sender already used that `senderMessageId`: then nothing is written or announced and the first message
   * is answered (emptied when it was deleted). `not_found` when the sender is not an active member.
   */
  saveMessage(message: NewMessage): Promise<{ readonly message: MessageData; readonly stored: boolean }>;
  /**
   * Replaces the content of a message; `decide` sees it first (undefined when the actor can't see it or it is deleted) and refuses by throwing.
   * Announces `update_message` and answers the message as the actor sees it.
   */
  updateMessage(
    actor: Actor,
    messageId: string,
    decide: (current: MessageData | undefined) => MessageEdit,
  ): Promise<MessageData>;
  /**
   * Soft-deletes messages of a room, all or none; announces `delete_message` for each, in the given order.
   * `decide` sees the actor's room and the messages found (undeleted, in that room) and refuses by throwing. The clear text is blanked.
   */
  deleteMessages(
    actor: Actor,
    roomId: string,
    messageIds: readonly string[],
    decide: (room: Room, found: ReadonlyMap<string, { readonly senderId: number }>) => void,
  ): Promise<void>;
  /**
   * Sets, replaces or (empty text) removes the actor's reaction; touches the message and announces `update_message`.
   * Removing what is not there changes and announces nothing. `not_found` when the message is deleted or not visible.
   */
  reactToMessage(actor: Actor, messageId: string, reaction: string): Promise<void>;
  /**
   * Moves the actor's read position to the highest sequence among those listed messages that others wrote (never back) and announces a
   * `status_update` READ for each of them, in the given order. `not_found`, and nothing written, when an id is not an undeleted message of the room.
   * Answers how many undeleted messages by others became read.
   */
  markMessagesAsRead(
    actor: Actor,
    roomId: string,
    messageIds: readonly string[],
    readAt: string,
  ): Promise<number>;

  /** One message as the user sees it; undefined when the user is not a member of its room. A deleted one is emptied. */
  getMessage(userId: number, messageId: string): Promise<MessageData | undefined>;
  /** State of the sender's undeleted message with that client-side id. */
  getSenderMessageStatus(senderId: number, senderMessageId: string): Promise<MessageStatus | undefined>;
  /** Messages of one room, newest first (behaviour 3.5). */
  getMessageHistory(userId: number, roomId: string, query: HistoryQuery): Promise<Page<MessageData>>;
  /**
   * For InitialSync: messages of all the user's rooms, at most `perRoom` of each, newest first within a room.
   * With `after`, messages deleted since are included, emptied. At most 10,000 in all.
   */
  getMessagesForSync(
    userId: number,
    query: { readonly after?: string; readonly createdAfter?: string; readonly perRoom: number },
  ): Promise<MessageData[]>;
  /** Who read a message, earliest first, its author excluded; derived from read positions. */
  getMessageRead(messageId: string, paging: Paging): Promise<Page<MessageUserRead>>;
  /** Reactions, newest first, with full reactor data. */
  getMessageReactions(messageId: string, paging: Paging): Promise<Page<Reaction>>;
}

/** A pure rule: what to write, decided on the state under the room's lock; throws a ChatError to refuse. */
export type Decide = (state: RoomState) => RoomChange;

/** Who acts, and what its client said about itself (for notifications). */
export interface Actor {
  readonly userId: number;
  readonly client: ClientParams;
}

/** `page` and `limit` as requested, 0 when absent; `limit` is already clamped. Paged only when both are at least 1. */
export interface Paging {
  readonly page: number;
  readonly limit: number;
}

/** Items of a page and how many there are in all. */
export interface Page<T> {
  readonly items: T[];
  readonly total: number;
}

/** A room to create; names and texts are already normalised, participants distinct and without the creator. */
export interface NewRoom {
  /** UUID v4. */
  readonly id: string;
  readonly type: RoomType;
  readonly name: string;
  readonly description: string;
  readonly photoUrl: string;
  /** Room key blob, behaviour 4.2. */
  readonly encryptionData: string;
  readonly sendMessage: boolean;
  readonly addMember: boolean;
  readonly editGroup: boolean;
  readonly creator: Actor;
  readonly participantIds: readonly number[];
  /** RFC 3339 UTC seconds, the same in every `room_join`. */
  readonly joinedAt: string;
  /** Subscribe all members to the room's push topic. */
  readonly subscribe: boolean;
}

/** Filters of a room list; all combine with AND. */
export interface RoomListQuery extends Paging {
  readonly search: string;
  /** Empty: any. */
  readonly type: string;
  /** ISO text; only rooms whose own, membership's or last message's time is strictly later. */
  readonly since?: string;
}

/** A member's place in a room, for delivery. */
export interface Membership {
  readonly roomId: string;
  /** The member sees room events with a number above this one. */
  readonly joinEvent: number;
}

/** A message to store. Text and references are already validated. */
export interface NewMessage {
  /** UUID v1. */
  readonly id: string;
  readonly roomId: string;
  readonly sender: Actor;
  readonly content: string;
  /** Only when clear text may be stored. */
  readonly contentDecrypted?: string;
  readonly lifetime: string;
  readonly origin: string;
  readonly replyId?: string;
  readonly forward?: { readonly messageId: string; readonly senderId: number };
  readonly mentions: readonly { readonly userId: number; readonly tag: string }[];
  readonly locationName?: string;
  readonly locationLatitude?: number;
  readonly locationLongitude?: number;
  readonly contactName?: string;
  /** The repository resolves it to a user's id (`contact_id`) when one has that phone. */
  readonly contactPhone?: string;
  readonly file?: string;
  readonly event?: string;
  readonly senderMessageId?: string;
  /** Store a push job. */
  readonly push: boolean;
}

/** New content of a message. */
export interface MessageEdit {
  readonly content: string;
  readonly contentDecrypted?: string;
}

/** Filters of a history; all combine with AND. */
export interface HistoryQuery extends Paging {
  /** When > 0: at most this many, `page` and `limit` ignored. */
  readonly messagesPerRoom: number;
  /** Exclusive; compares sequences; an unknown id is ignored. */
  readonly beforeMessageId?: string;
  readonly afterMessageId?: string;
  /** ISO text; compares `updated_at` strictly. */
  readonly beforeDate?: string;
  readonly afterDate?: string;
}
