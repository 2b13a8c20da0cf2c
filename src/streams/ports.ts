import type { Room } from '../gen/services/chat/v1/types_pb.ts';

/** What delivery needs to know from the record. Implemented over the repositories. */
export interface StreamDirectory {
  /** Active memberships of the user: room id → the room event number after which it sees events. */
  memberships(userId: number): Promise<ReadonlyMap<string, number>>;
  /** The room in full view for the user; undefined when it is gone for him. */
  roomView(userId: number, roomId: string): Promise<Room | undefined>;
  /** Those of the users that exist and are not removed. */
  activeUsers(userIds: readonly number[]): Promise<ReadonlySet<number>>;
}

/** Where the server stopped writing to a (user, client id); survives restarts, kept as long as events are. */
export interface StreamPositions {
  load(userId: number, clientId: string): Promise<StreamPosition | undefined>;
  /** Stores positions; the newest write for a (user, client id) wins. */
  save(
    positions: readonly (StreamPosition & { readonly userId: number; readonly clientId: string })[],
  ): Promise<void>;
}

/** A point in the broker's history. */
export interface StreamPosition {
  readonly epoch: string;
  readonly sequence: number;
}
