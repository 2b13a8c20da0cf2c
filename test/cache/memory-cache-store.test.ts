import { expect, test } from 'vitest';
import { createMemoryCacheStore } from '../../src/cache/memory-cache-store.ts';
import { exerciseCacheStore, valuesOf } from '../contract/cache-store.ts';

exerciseCacheStore('in the process', (ttlMs) => createMemoryCacheStore({ ttlMs }));

const KEYS = Array.from({ length: 1_000 }, (_, n) => `key ${n}`);

test('never holds more bytes than it may: what was not asked for the longest goes first', async () => {
  const store = createMemoryCacheStore({ maxBytes: 100_000 });
  for (const key of KEYS) {
    await store.setMany('g', new Map([[key, new Uint8Array(1_000)]]));
    await store.getMany('g', ['key 0']);
  }
  const values = (await store.getMany('g', KEYS)) ?? [];
  const kept = KEYS.filter((_, index) => values[index] !== undefined);
  expect(kept.length).toBeGreaterThan(50);
  expect(kept.length).toBeLessThanOrEqual(100);
  expect(kept[0]).toBe('key 0');
  expect(kept.slice(1)).toEqual(KEYS.slice(-kept.length + 1));
});

test('never holds more entries than it may, and nothing that is larger than itself', async () => {
  const store = createMemoryCacheStore({ maxEntries: 10, maxBytes: 10_000 });
  await store.setMany('g', valuesOf(Object.fromEntries(KEYS.map((key) => [key, '']))));
  await store.setMany('g', new Map([['huge', new Uint8Array(20_000)]]));
  const values = (await store.getMany('g', [...KEYS, 'huge'])) ?? [];
  expect(values.filter((value) => value !== undefined)).toHaveLength(10);
  expect(values.at(-1)).toBeUndefined();
});
