import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { CacheStore } from '../../src/cache/cache-store.ts';

/** The promises of {@link CacheStore}; `open` makes one whose values last for so long. */
export function exerciseCacheStore(name: string, open: (ttlMs: number) => CacheStore): void {
  describe(`CacheStore: ${name}`, () => {
    const LONG = 60_000;

    /** As text, which compares by value whatever kind of array it is. */
    async function read(store: CacheStore, group: string, keys: readonly string[]): Promise<unknown> {
      const values = await store.getMany(group, keys);
      return values?.map((value) => value && Buffer.from(value).toString('latin1'));
    }

    it('answers each key with what was stored last, and others with nothing', async () => {
      const store = open(LONG);
      const group = randomUUID();
      expect(await read(store, group, ['a', 'b'])).toEqual([undefined, undefined]);
      expect(await store.setMany(group, valuesOf({ a: 'one', b: 'two' }))).toBe(true);
      expect(await store.setMany(group, valuesOf({ a: 'three' }))).toBe(true);
      expect(await read(store, group, ['b', 'x', 'a', 'b'])).toEqual(['two', undefined, 'three', 'two']);
    });

    it('keeps groups apart', async () => {
      const store = open(LONG);
      const [one, other] = [randomUUID(), randomUUID()];
      await store.setMany(one, valuesOf({ a: 'of one' }));
      expect(await read(store, other, ['a'])).toEqual([undefined]);
      await store.setMany(other, valuesOf({ a: 'of the other' }));
      expect(await read(store, one, ['a'])).toEqual(['of one']);
    });

    it('keeps every byte, of empty and of large values', async () => {
      const store = open(LONG);
      const group = randomUUID();
      const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      const values = new Map([
        ['every', new Uint8Array(every)],
        ['empty', new Uint8Array()],
        ['large', new Uint8Array(randomBytes(100_000))],
      ]);
      await store.setMany(group, values);
      const found = (await store.getMany(group, [...values.keys()])) ?? [];
      expect(found.map((value) => Buffer.from(value ?? []).equals(every))).toEqual([true, false, false]);
      expect(found.map((value) => value?.length)).toEqual([256, 0, 100_000]);
      expect(Buffer.from(found[2] ?? []).equals(Buffer.from(values.get('large') ?? []))).toBe(true);
    });

    it('does not change with the array that was handed over', async () => {
      const store = open(LONG);
      const group = randomUUID();
      const value = Buffer.from('as it was');
      await store.setMany(group, new Map([['a', value]]));
      value.fill('x');
      expect(await read(store, group, ['a'])).toEqual(['as it was']);
    });

    it('takes a thousand keys at once, and none', async () => {
      const store = open(LONG);
      const group = randomUUID();
      const keys = Array.from({ length: 1_000 }, () => randomUUID());
      await store.setMany(group, valuesOf(Object.fromEntries(keys.map((key) => [key, `value of ${key}`]))));
      expect(await read(store, group, keys)).toEqual(keys.map((key) => `value of ${key}`));
      expect(await store.getMany(group, [])).toEqual([]);
      expect(await store.setMany(group, new Map())).toBe(true);
    });

    it('forgets a value when its time is over', async () => {
      const store = open(20);
      const group = randomUUID();
      await store.setMany(group, valuesOf({ a: 'soon gone' }));
      await expect.poll(() => read(store, group, ['a'])).toEqual([undefined]);
    });
  });
}

/** Texts as values. */
export function valuesOf(texts: Readonly<Record<string, string>>): Map<string, Uint8Array> {
  return new Map(Object.entries(texts).map(([key, text]) => [key, Buffer.from(text)]));
}
