import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 180_000,
    hookTimeout: 120_000,
    // Polls wait for something that will happen; on a busy machine it may take its time.
    expect: { poll: { timeout: 20_000 } },
    // Each file may start servers of its own: more at once only makes them wait for each other.
    maxWorkers: 2,
  },
});
