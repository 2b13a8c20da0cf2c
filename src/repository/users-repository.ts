import type { User } from '../gen/services/users/v1/types_pb.ts';

/** The users of the host application, always in Postgres. */
export interface UsersRepository {
  /** True when no user was ever stored, removed ones included. */
  isEmpty(): Promise<boolean>;
  /**
   * Inserts or replaces users by id, all or none; a removed user comes back.
   * Throws `invalid_request_data` when a phone belongs to another user.
   */
  upsertUsers(users: readonly User[]): Promise<number>;
  /** Users that exist and are not removed, in the order of their ids. */
  getUsers(ids: readonly number[]): Promise<User[]>;
  /** Sets `removed_at`; answers the ids that were active. */
  removeUsers(ids: readonly number[]): Promise<number[]>;
  /** Those of the ids that exist and are not removed. Concurrent calls share one query. */
  activeUsers(ids: readonly number[]): Promise<ReadonlySet<number>>;
}
