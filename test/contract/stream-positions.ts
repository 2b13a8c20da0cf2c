import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StreamPositions } from '../../src/streams/ports.ts';

/** What the suite needs of an adapter. */
export interface StreamPositionsFixture {
  readonly positions: StreamPositions;
  /** Makes every stored position this much older. */
  age(days: number): Promise<void>;
  /** How many positions are stored, outdated ones included. */
  count(): Promise<number>;
  close(): Promise<void>;
}

/** Holds an adapter of {@link StreamPositions} to its promises. `open` answers one on an empty store. */
export function exerciseStreamPositions(name: string, open: () => Promise<StreamPositionsFixture>): void {
  describe(`stream positions: ${name}`, () => {
    let fixture: StreamPositionsFixture;
    let positions: StreamPositions;
    beforeAll(async () => {
      fixture = await open();
      positions = fixture.positions;
    });
    afterAll(async () => await fixture?.close());

    it('knows nothing of a client that never came', async () => {
      expect(await positions.load(1, 'nobody')).toBeUndefined();
    });

    it('remembers a position per user and client', async () => {
      await positions.save([
        { userId: 1, clientId: 'a', epoch: 'e1', sequence: 5 },
        { userId: 1, clientId: 'b', epoch: 'e1', sequence: 6 },
        { userId: 2, clientId: 'a', epoch: 'e2', sequence: 9_007_199_254_740_000 },
      ]);
      expect(await positions.load(1, 'a')).toEqual({ epoch: 'e1', sequence: 5 });
      expect(await positions.load(1, 'b')).toEqual({ epoch: 'e1', sequence: 6 });
      expect(await positions.load(2, 'a')).toEqual({ epoch: 'e2', sequence: 9_007_199_254_740_000 });
    });

    it('lets the newest write win, also a lower sequence and within one call', async () => {
      await positions.save([{ userId: 3, clientId: 'a', epoch: 'e1', sequence: 5 }]);
      await positions.save([
        { userId: 3, clientId: 'a', epoch: 'e2', sequence: 4 },
        { userId: 3, clientId: 'a', epoch: 'e2', sequence: 2 },
      ]);
      expect(await positions.load(3, 'a')).toEqual({ epoch: 'e2', sequence: 2 });
    });

    it('survives concurrent writes of the same clients', async () => {
      const all = Array.from({ length: 30 }, (_, index) => ({
        userId: 4,
        clientId: `c${index}`,
        epoch: 'e',
        sequence: index,
      }));
      await Promise.all([all, all.toReversed(), all].map(async (list) => await positions.save(list)));
      expect(await positions.load(4, 'c29')).toEqual({ epoch: 'e', sequence: 29 });
    });

    it('takes an empty list', async () => {
      await positions.save([]);
    });

    it('forgets a position after seven days', async () => {
      await positions.save([{ userId: 5, clientId: 'old', epoch: 'e', sequence: 1 }]);
      await fixture.age(6);
      expect(await positions.load(5, 'old')).toEqual({ epoch: 'e', sequence: 1 });
      await fixture.age(2);
      expect(await positions.load(5, 'old')).toBeUndefined();
      await positions.save([{ userId: 5, clientId: 'new', epoch: 'e', sequence: 2 }]);
      expect(await fixture.count()).toBe(1);
    });
  });
}
