import { afterAll, beforeAll, beforeEach, describe } from 'vitest';
import type { MessageEvent } from '../../src/gen/services/chat/v1/types_pb.ts';
import type { NotificationJob } from '../../src/notifications/notifications.ts';
import type { RoomsRepository } from '../../src/repository/rooms-repository.ts';
import { exerciseMessageSending } from './message-sending.ts';
import { exerciseMessageWrites } from './message-writes.ts';
import { exerciseRoomWrites } from './room-writes.ts';
import type { RoomsRepositoryFixture } from './rooms-repository-adapter.ts';
import { exerciseTraceContexts } from './trace-contexts.ts';

/** What the suites of writes need: also a second instance of the adapter on the same store. Both know the test's {@link traceContext}. */
export interface RoomsRepositoryWritesFixture extends RoomsRepositoryFixture {
  readonly another: RoomsRepository;
}

/** One store for a whole suite; its tests make rooms of their own. */
export class WritesWorld {
  readonly #open: () => Promise<RoomsRepositoryWritesFixture>;
  #fixture: RoomsRepositoryWritesFixture | undefined;

  constructor(open: () => Promise<RoomsRepositoryWritesFixture>) {
    this.#open = open;
  }

  /** Opens the store with users 1 to 12: 3 has neither phone nor avatar, 11 is removed. */
  async open(): Promise<void> {
    this.#fixture = await this.#open();
    const ids = Array.from({ length: 12 }, (_, index) => index + 1);
    await this.#fixture.addUsers(
      ids.map((id) => ({
        id,
        name: `User ${id}`,
        ...(id === 3 ? {} : { phone: `+${id}`, avatar: `${id}.png` }),
        ...(id === 11 ? { removed: true } : {}),
      })),
    );
  }

  async close(): Promise<void> {
    await this.#fixture?.close();
  }

  get repository(): RoomsRepository {
    return this.#opened().repository;
  }

  get another(): RoomsRepository {
    return this.#opened().another;
  }

  /** What was announced since the last call, oldest first. */
  async announced(): Promise<Announced[]> {
    const { outbox } = this.#opened();
    const events: Announced[] = [];
    for (;;) {
      const entries = await outbox.read(1000);
      if (entries.length === 0) return events;
      for (const { roomEvent, event, ...entry } of entries.flatMap((entry) => entry.events)) {
        events.push({ ...entry, number: roomEvent, event: event.event, whole: event });
      }
      await outbox.remove(entries.map(({ id }) => id));
    }
  }

  /** The notifications that were asked for since the last call, oldest first. */
  async notified(): Promise<NotificationJob[]> {
    const { notifications } = this.#opened();
    const all: NotificationJob[] = [];
    for (;;) {
      const jobs = await notifications.claim(1000, 60_000);
      if (jobs.length === 0) return all;
      all.push(...jobs);
      await notifications.complete(jobs.map(({ id }) => id));
    }
  }

  #opened(): RoomsRepositoryWritesFixture {
    if (this.#fixture === undefined) throw new Error('the store is not open');
    return this.#fixture;
  }
}

/** One event, as it will be published. */
export interface Announced {
  readonly subject: string;
  readonly number: number;
  readonly userId: number;
  readonly eventId: string;
  readonly event: MessageEvent['event'];
  readonly whole: MessageEvent;
  readonly traceContext?: string | undefined;
}

/** The writes of a RoomsRepository and what they announce. */
export function exerciseRoomsRepositoryWrites(
  name: string,
  open: () => Promise<RoomsRepositoryWritesFixture>,
): void {
  describe(`${name}: writes`, () => {
    const world = new WritesWorld(open);
    beforeAll(async () => await world.open());
    afterAll(async () => await world.close());
    // What one test announced is not the business of the next.
    beforeEach(async () => {
      await world.announced();
      await world.notified();
    });

    exerciseRoomWrites(world);
    exerciseMessageSending(world);
    exerciseMessageWrites(world);
    exerciseTraceContexts(world);
  });
}
