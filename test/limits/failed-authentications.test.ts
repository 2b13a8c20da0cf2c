import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { createFailedAuthentications } from '../../src/limits/failed-authentications.ts';
import { createMemoryTokenBuckets } from '../../src/limits/memory-token-buckets.ts';
import { createRateLimiter } from '../../src/limits/rate-limiter.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';

/** Six a minute: one in ten seconds. */
const rates = { ...loadConfig({}).config.rateLimits, failedAuthentications: 6 };

function setUp() {
  const clock = { ms: 1_000 };
  const { rateLimitDecisions } = createMetrics();
  const limiter = createRateLimiter(
    rates,
    createMemoryTokenBuckets(() => clock.ms),
    rateLimitDecisions,
  );
  const failures = createFailedAuthentications(limiter, rateLimitDecisions, () => clock.ms);
  const heard = (address: string): boolean => failures.refusedFor(() => address) === 0;
  return { clock, failures, heard, limiter };
}

describe('failed authentications', () => {
  test('the last token ends the patience, the next one restores it for one call', async () => {
    const { clock, failures, heard } = setUp();
    for (let count = 0; count < 6; count += 1) {
      expect(heard('a')).toBe(true);
      expect(await failures.failed('a')).toBe(0);
    }
    expect(failures.refusedFor(() => 'a')).toBe(10_000);
    expect(heard('b')).toBe(true);
    clock.ms += 9_999;
    expect(heard('a')).toBe(false);
    clock.ms += 1;
    expect(heard('a')).toBe(true);
    expect(await failures.failed('a')).toBe(0);
    expect(heard('a')).toBe(false);
  });

  test('calls that were under way are told that it was too much', async () => {
    const { failures } = setUp();
    const waits = await Promise.all(Array.from({ length: 8 }, () => failures.failed('a')));
    expect(waits).toEqual([0, 0, 0, 0, 0, 0, 10_000, 10_000]);
  });

  test('nobody asks for the address of a call while nobody is refused', async () => {
    const { failures } = setUp();
    const refusedFor = (): number =>
      failures.refusedFor(() => {
        throw new Error('asked');
      });
    await failures.failed('a');
    expect(refusedFor()).toBe(0);
    for (let count = 0; count < 6; count += 1) await failures.failed('a');
    expect(refusedFor).toThrow('asked');
  });

  test('another limit counts at once', async () => {
    const { failures, heard, limiter } = setUp();
    for (let count = 0; count < 6; count += 1) await failures.failed('a');
    expect(heard('a')).toBe(false);
    limiter.change({ ...rates, failedAuthentications: 0 });
    failures.forget();
    expect(heard('a')).toBe(true);
    expect(await failures.failed('a')).toBe(0);
    expect(heard('a')).toBe(true);
  });
});
