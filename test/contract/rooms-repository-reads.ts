import { afterAll, beforeAll, describe } from 'vitest';
import { type ReadsContext, SeededRooms } from '../support/seeded-rooms.ts';
import type { RoomsRepositoryFixture } from './rooms-repository-adapter.ts';
import { exerciseMessageLists } from './rooms-repository-message-lists.ts';
import { exerciseMessageReads } from './rooms-repository-message-reads.ts';
import { exerciseReceiptReads } from './rooms-repository-receipt-reads.ts';
import { exerciseRoomLists } from './rooms-repository-room-lists.ts';
import { exerciseRoomViews } from './rooms-repository-room-views.ts';

/** Holds the reads of an adapter of RoomsRepository to their promises; users above 100,000 are theirs. */
export function exerciseRoomsRepositoryReads(
  name: string,
  open: () => Promise<Pick<RoomsRepositoryFixture, 'repository' | 'addUsers' | 'close'>>,
): void {
  describe(`rooms, reading: ${name}`, () => {
    let fixture: Pick<RoomsRepositoryFixture, 'repository' | 'addUsers' | 'close'>;
    let seeded: SeededRooms;
    beforeAll(async () => {
      fixture = await open();
      seeded = new SeededRooms(fixture, 100_000);
    });
    afterAll(async () => await fixture?.close());

    const context: ReadsContext = {
      get repository() {
        return fixture.repository;
      },
      get seeded() {
        return seeded;
      },
    };
    exerciseRoomViews(context);
    exerciseRoomLists(context);
    exerciseMessageReads(context);
    exerciseReceiptReads(context);
    exerciseMessageLists(context);
  });
}
