import type { MessageEvent, Room } from '../gen/services/chat/v1/types_pb.ts';
import type { Notification } from '../notifications/notifications.ts';

/** The kinds of room (behaviour 1.3). */
export const ROOM_TYPES = ['p2p', 'group', 'channel'] as const;
export type RoomType = (typeof ROOM_TYPES)[number];

/** What a member may be. */
export const ROLES = ['OWNER', 'ADMIN', 'MEMBER'] as const;
export type Role = (typeof ROLES)[number];

/** Events that only the service writes (behaviour 1.7). */
export const SYSTEM_EVENTS = ['remove_member', 'new_member', 'new_name', 'new_photo'] as const;
export type SystemEvent = (typeof SYSTEM_EVENTS)[number];

/** A user as rooms need it. Missing phone and avatar are empty text. */
export interface UserProfile {
  readonly id: number;
  readonly name: string;
  readonly phone: string;
  readonly avatar: string;
}

/** A room as a rule needs it to decide about a change, read under the room's lock. */
export interface RoomState {
  /** The actor's light view: type, flags, role, partner; no last message or sequence, no unread count, no participants. */
  readonly room: Room;
  /** Active members among the users that the call is about (all active members when it is about all). */
  readonly members: ReadonlyMap<number, { readonly role: Role; readonly profile: UserProfile }>;
  /** Existing, not removed users among the users that the call is about. */
  readonly users: ReadonlyMap<number, UserProfile>;
  /** Active members in all. */
  readonly memberCount: number;
  /** Active owners. */
  readonly ownerIds: readonly number[];
  /**
   * Who would inherit the room: active members that are not owners, ADMIN first, then by join time;
   * at least one more than the call is about, when there are so many.
   */
  readonly heirIds: readonly number[];
}

/**
 * What a rule decided: the writes of one transaction. Effects happen in this order:
 * fields and flags, removals, additions, roles, then `effects` one by one.
 */
export interface RoomChange {
  /** Columns of the room to replace; an empty object touches `updated_at` only. */
  readonly room?: RoomFields;
  /** The actor's own flags to replace; touches the membership's `updated_at`. */
  readonly actor?: {
    readonly isPinned?: boolean;
    readonly isMuted?: boolean;
    readonly isPartnerBlocked?: boolean;
  };
  /** Members that leave. */
  readonly remove?: readonly number[];
  /** Users that become MEMBER: new, or back with fresh flags, role and join time. Each needs a `join` effect. */
  readonly add?: readonly number[];
  readonly roles?: ReadonlyMap<number, Role>;
  /** Soft-deletes the room; every remaining member leaves. */
  readonly deleteRoom?: boolean;
  readonly effects: readonly RoomEffect[];
}

/** Columns of a room that a change may replace. */
export interface RoomFields {
  readonly name?: string;
  readonly description?: string;
  readonly photoUrl?: string;
  readonly sendMessage?: boolean;
  readonly addMember?: boolean;
  readonly editGroup?: boolean;
}

/** Something that a change tells the world. */
export type RoomEffect =
  /** Stores a system message of the actor and announces it as `message`. */
  | { readonly kind: 'system_message'; readonly event: SystemEvent; readonly content: string }
  /** Announces an event on the room's subject. */
  | { readonly kind: 'event'; readonly event: MessageEvent['event'] }
  /**
   * Announces `room_join` on the user's direct subject. The user sees the room's events after this point;
   * messages up to this point do not count as unread.
   */
  | { readonly kind: 'join'; readonly userId: number; readonly joinedAt: string }
  | { readonly kind: 'notification'; readonly notification: Notification };
