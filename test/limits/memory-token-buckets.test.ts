import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createMemoryTokenBuckets } from '../../src/limits/memory-token-buckets.ts';
import { exerciseTokenBuckets } from '../contract/token-buckets.ts';

exerciseTokenBuckets('in the process', () => createMemoryTokenBuckets());

const sizes = fc.record({
  capacity: fc.integer({ min: 1, max: 70 }),
  perMinute: fc.integer({ min: 1, max: 700 }),
});
/** Pauses before each call, milliseconds. */
const pauses = fc.array(fc.oneof(fc.constant(0), fc.nat(50), fc.nat(20_000)), { maxLength: 300 });

describe('buckets over time', () => {
  test('over any time at most the capacity and what flowed in, and nothing less', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, pauses, async ({ capacity, perMinute }, steps) => {
        let now = 0;
        const buckets = createMemoryTokenBuckets(() => now);
        const taken: number[] = [];
        // The model: tokens as a fraction with the denominator 60,000.
        let full = BigInt(capacity) * 60_000n;
        const brim = full;
        for (const pause of steps) {
          now += pause;
          full = full + BigInt(pause * perMinute) > brim ? brim : full + BigInt(pause * perMinute);
          const { allowed, waitMs } = await buckets.take('o', [{ name: 'b', capacity, perMinute }]);
          expect(allowed).toBe(full >= 60_000n);
          if (allowed) {
            full -= 60_000n;
            taken.push(now);
          }
          // Told to the millisecond.
          const lacking = 60_000n - full;
          const wait = lacking <= 0n ? 0 : Math.ceil(Number(lacking) / perMinute);
          expect(waitMs).toBe(wait);
        }
        const tooMany = taken.flatMap((from, first) =>
          taken.slice(first).filter((to, more) => more + 1 > capacity + ((to - from) * perMinute) / 60_000),
        );
        expect(tooMany).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  test('a call after the told wait is allowed, one a millisecond before is not', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, async ({ capacity, perMinute }) => {
        let now = 0;
        const buckets = createMemoryTokenBuckets(() => now);
        const take = () => buckets.take('o', [{ name: 'b', capacity, perMinute }]);
        for (let i = 0; i < capacity; i += 1) await take();
        const { allowed, waitMs } = await take();
        expect(allowed).toBe(false);
        now = waitMs - 1;
        expect((await take()).allowed).toBe(false);
        now = waitMs;
        expect((await take()).allowed).toBe(true);
      }),
    );
  });

  test('R1: 60 at once, then one a second', async () => {
    let now = 0;
    const buckets = createMemoryTokenBuckets(() => now);
    const take = () => buckets.take('user:1', [{ name: 'b', capacity: 60, perMinute: 60 }]);
    for (let i = 0; i < 60; i += 1) expect((await take()).allowed).toBe(true);
    expect(await take()).toEqual({ allowed: false, waitMs: 1_000, empty: ['b'] });
    now = 1_000;
    expect((await take()).allowed).toBe(true);
    expect((await take()).allowed).toBe(false);
    now = 61_000;
    for (let i = 0; i < 60; i += 1) expect((await take()).allowed).toBe(true);
    expect((await take()).allowed).toBe(false);
  });

  test('only so many are kept, and the one that goes is the one that was not used for longest', async () => {
    const buckets = createMemoryTokenBuckets(() => 0, 2);
    const take = async (owner: string): Promise<boolean> =>
      (await buckets.take(owner, [{ name: 'b', capacity: 1, perMinute: 1 }])).allowed;
    expect(await take('a')).toBe(true);
    expect(await take('b')).toBe(true);
    expect(await take('a')).toBe(false);
    // Pushes b out, which was not asked for since.
    expect(await take('c')).toBe(true);
    expect(await take('a')).toBe(false);
    expect(await take('b')).toBe(true);
  });
});
