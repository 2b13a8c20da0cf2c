import type { Outbox } from '../../src/events/outbox.ts';
import type { NotificationQueue } from '../../src/notifications/notifications.ts';
import type { RoomsRepository } from '../../src/repository/rooms-repository.ts';

/** What the suites of {@link RoomsRepository} need of an adapter. */
export interface RoomsRepositoryFixture {
  readonly repository: RoomsRepository;
  /** Receives what the repository announces. */
  readonly outbox: Outbox;
  /** Receives the notification jobs of the repository. */
  readonly notifications: NotificationQueue;
  /** Inserts users of the host application, as they are. */
  addUsers(users: readonly TestUser[]): Promise<void>;
  close(): Promise<void>;
}

/** Opens an adapter on an empty store. */
export type OpenRoomsRepository = () => Promise<RoomsRepositoryFixture>;

/** A user of the host application; what is left out is NULL. */
export interface TestUser {
  readonly id: number;
  readonly name: string;
  readonly phone?: string | undefined;
  readonly avatar?: string | undefined;
  /** Removed from the host application. */
  readonly removed?: boolean;
}
