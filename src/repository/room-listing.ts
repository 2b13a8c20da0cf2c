import type { Room } from '../gen/services/chat/v1/types_pb.ts';
import type { RoomListQuery } from './rooms-repository.ts';

/**
 * A room list in two steps, for those who may know some of the rooms already: first which rooms in which order, then what they look like.
 *
 * Promises, held by every adapter:
 *
 * - The rooms are those that the user is an active member of now, whatever anybody remembers.
 * - A stamp is read before the views: a view that `load` answers is of the moment of its stamp, or of a later one.
 * - Whatever changes the view of a room also changes its stamp, in the same transaction, to one that it never had: except what a
 *   user's profile says, and that is for the caller to ask. So a view that was loaded under an equal stamp is one of now.
 * - A room whose changes are committed and not all there to be read has no stamp: its view fits none.
 */
export type ListRooms = (userId: number, query: RoomListQuery) => Promise<RoomListing>;

/** A page of a user's rooms. */
export interface RoomListing {
  /** Of all pages. */
  readonly total: number;
  /** In the order of the list. */
  readonly rooms: readonly StampedRoom[];
  /** Full views of some of them, as lists have them, in any order; without those that the user has just lost. */
  load(roomIds: readonly string[]): Promise<Room[]>;
}

/** A room of the page. */
export interface StampedRoom {
  readonly id: string;
  readonly stamp: string | undefined;
}
