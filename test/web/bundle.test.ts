import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';

const ASSETS = new URL('../../src/server/web/assets/', import.meta.url);
const MAX_BYTES = 120 * 1_024;

test('the web chat is at most 120 KB, compressed', () => {
  const sizes = readdirSync(ASSETS).map((name) => gzipSync(readFileSync(new URL(name, ASSETS))).length);
  expect(sizes.length).toBeGreaterThan(0);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(MAX_BYTES);
});
