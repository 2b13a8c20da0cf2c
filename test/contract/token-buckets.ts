import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Bucket, TokenBuckets } from '../../src/limits/token-buckets.ts';

/** Proves {@link TokenBuckets}. `open` answers ones that may be shared: every test has owners of its own. */
export function exerciseTokenBuckets(name: string, open: () => TokenBuckets): void {
  describe(`token buckets: ${name}`, () => {
    it('give away as many at once as they hold, then refuse', async () => {
      const buckets = open();
      const owner = randomUUID();
      const taken = await times(3, () => buckets.take(owner, [bucket('a', 3)]));
      expect(taken.map(({ allowed }) => allowed)).toEqual([true, true, true]);
      expect(taken.slice(0, 2).map(({ waitMs }) => waitMs)).toEqual([0, 0]);
      // The third was the last: the next one flows in within a minute.
      expect(taken[2]?.waitMs).toBeGreaterThan(50_000);
      const refused = await buckets.take(owner, [bucket('a', 3)]);
      expect(refused).toMatchObject({ allowed: false, empty: ['a'] });
      expect(refused.waitMs).toBeGreaterThan(50_000);
      expect(refused.waitMs).toBeLessThanOrEqual(60_000);
    });

    it('exactly so many when all come together', async () => {
      const buckets = open();
      const owner = randomUUID();
      const taken = await Promise.all(
        Array.from({ length: 40 }, () => buckets.take(owner, [bucket('a', 7)])),
      );
      expect(taken.filter(({ allowed }) => allowed)).toHaveLength(7);
    });

    it('a refusal says how long until a token flows in', async () => {
      const buckets = open();
      const owner = randomUUID();
      const slow: Bucket = { name: 'a', capacity: 2, perMinute: 2 };
      await times(2, () => buckets.take(owner, [slow]));
      const { allowed, waitMs } = await buckets.take(owner, [slow]);
      expect(allowed).toBe(false);
      expect(waitMs).toBeGreaterThan(20_000);
      expect(waitMs).toBeLessThanOrEqual(30_000);
    });

    it('a refusal costs nothing', async () => {
      const buckets = open();
      const owner = randomUUID();
      await buckets.take(owner, [bucket('a', 1)]);
      const refused = await times(20, () => buckets.take(owner, [bucket('a', 1)]));
      expect(refused.map(({ allowed }) => allowed)).not.toContain(true);
      expect(refused.at(-1)?.waitMs).toBeLessThanOrEqual(60_000);
    });

    it('fill again', async () => {
      const buckets = open();
      const owner = randomUUID();
      // One in 60 ms.
      const fast: Bucket = { name: 'a', capacity: 1, perMinute: 1_000 };
      await expect.poll(async () => (await buckets.take(owner, [fast])).allowed).toBe(true);
      await expect.poll(async () => (await buckets.take(owner, [fast])).allowed, { interval: 5 }).toBe(true);
    });

    it('fill evenly, not at once when all of the time is over', async () => {
      const buckets = open();
      const owner = randomUUID();
      await times(3, () => buckets.take(owner, [bucket('a', 3)]));
      const wait = async (): Promise<number> => (await buckets.take(owner, [bucket('a', 3)])).waitMs;
      await expect.poll(wait, { interval: 5 }).toBeLessThan(59_950);
    });

    it('of one call are taken together or not at all', async () => {
      const buckets = open();
      const owner = randomUUID();
      const all = (room: string): Bucket[] => [bucket('all', 3), bucket(room, 1)];
      expect(await buckets.take(owner, all('r1'))).toMatchObject({ allowed: true });
      const refused = await times(5, () => buckets.take(owner, all('r1')));
      for (const one of refused) expect(one).toMatchObject({ allowed: false, empty: ['r1'] });
      // What the room refused has not cost the other bucket anything.
      expect(await buckets.take(owner, all('r2'))).toMatchObject({ allowed: true });
      expect(await buckets.take(owner, all('r3'))).toMatchObject({ allowed: true });
      expect(await buckets.take(owner, all('r4'))).toMatchObject({ allowed: false, empty: ['all'] });
      expect(await buckets.take(owner, all('r1'))).toMatchObject({ allowed: false, empty: ['all', 'r1'] });
      // Nor did the refusal take what r4 holds.
      expect(await buckets.take(owner, [bucket('r4', 1)])).toMatchObject({ allowed: true });
    });

    it('the wait is that of the slowest of them', async () => {
      const buckets = open();
      const owner = randomUUID();
      const quick: Bucket = { name: 'quick', capacity: 1, perMinute: 60 };
      const slow: Bucket = { name: 'slow', capacity: 1, perMinute: 1 };
      const { waitMs } = await buckets.take(owner, [quick, slow]);
      expect(waitMs).toBeGreaterThan(50_000);
      expect((await buckets.take(owner, [quick, slow])).waitMs).toBeGreaterThan(50_000);
      expect((await buckets.take(owner, [quick])).waitMs).toBeLessThanOrEqual(1_000);
    });

    it('belong to their owner', async () => {
      const buckets = open();
      const [ana, ben] = [randomUUID(), `user:${randomUUID()}`];
      expect(await buckets.take(ana, [bucket('a', 1)])).toMatchObject({ allowed: true });
      expect(await buckets.take(ben, [bucket('a', 1)])).toMatchObject({ allowed: true });
      expect(await buckets.take(ana, [bucket('b', 1)])).toMatchObject({ allowed: true });
      expect(await buckets.take(ana, [bucket('a', 1)])).toMatchObject({ allowed: false });
    });

    it('keep what was taken when their size changes', async () => {
      const buckets = open();
      const owner = randomUUID();
      await times(5, () => buckets.take(owner, [bucket('a', 5)]));
      expect(await buckets.take(owner, [bucket('a', 3)])).toMatchObject({ allowed: false });
      const more = await times(6, () => buckets.take(owner, [bucket('a', 10)]));
      expect(more.map(({ allowed }) => allowed)).toEqual([true, true, true, true, true, false]);
    });

    it('may be as large as a setting allows', async () => {
      const buckets = open();
      const owner = randomUUID();
      const large = bucket('a', 1_000_000);
      expect(await buckets.take(owner, [large])).toEqual({ allowed: true, waitMs: 0, empty: [] });
      expect(await buckets.take(owner, [large])).toEqual({ allowed: true, waitMs: 0, empty: [] });
    });
  });
}

/** Holds so many, filled so slowly that nothing flows in during a test. */
function bucket(name: string, capacity: number): Bucket {
  return { name, capacity, perMinute: capacity > 100 ? capacity : 1 };
}

async function times<T>(count: number, work: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let i = 0; i < count; i += 1) results.push(await work());
  return results;
}
