import { errors, types } from 'cassandra-driver';
import pino from 'pino';
import { describe, expect, test } from 'vitest';
import { createScyllaGuard, type ScyllaGuard } from '../../../src/repository/scylla/guard.ts';

const UNAVAILABLE = new errors.ResponseError(
  types.responseErrorCodes.unavailableException,
  'two replicas of three',
);
const INVALID = new errors.ResponseError(types.responseErrorCodes.invalid, 'no such table');

describe('the guard before Scylla', () => {
  /** A guard, and a request that fails as it is told and counts. */
  function setUp(options: { readonly breakerFailures?: number; readonly breakerResetMs?: number } = {}): {
    readonly guard: ScyllaGuard;
    readonly logs: string[];
    readonly asked: () => number;
    ask(...failures: readonly Error[]): Promise<string>;
  } {
    const logs: string[] = [];
    const logger = pino({}, { write: (line) => logs.push(JSON.parse(line).msg) });
    const guard = createScyllaGuard({ breakerFailures: 5, breakerResetMs: 60_000, ...options }, logger);
    let count = 0;
    return {
      guard,
      logs,
      asked: () => count,
      async ask(...failures) {
        const left = [...failures];
        return await guard.run(async () => {
          count += 1;
          const failure = left.shift();
          if (failure !== undefined) throw failure;
          return 'answer';
        });
      },
    };
  }

  test.each([
    ['too few replicas', UNAVAILABLE],
    ['a write that timed out', new errors.ResponseError(types.responseErrorCodes.writeTimeout, 'late')],
    ['a request without an answer', new errors.OperationTimedOutError('late', '127.0.0.1')],
    ['no host', new errors.NoHostAvailableError({})],
  ])('repeats a request once after %s', async (_, failure) => {
    const { ask, asked } = setUp();
    expect(await ask(failure)).toBe('answer');
    expect(asked()).toBe(2);
    await expect(ask(failure, failure)).rejects.toMatchObject({
      reason: 'store_unavailable',
      cause: failure,
    });
    expect(asked()).toBe(4);
  });

  test('does not repeat what the statement itself is to blame for', async () => {
    const { ask, asked } = setUp();
    await expect(ask(INVALID)).rejects.toMatchObject({ reason: 'internal_server_error', cause: INVALID });
    expect(asked()).toBe(1);
  });

  test('asks nobody after five failures in a row, until a probe succeeds', async () => {
    const { guard, ask, asked, logs } = setUp({ breakerResetMs: 100 });
    const always = Array.from({ length: 10 }, () => UNAVAILABLE);
    while (guard.state() === 'closed') await ask(...always).catch(() => undefined);
    expect(asked()).toBe(5);
    await expect(ask()).rejects.toMatchObject({ reason: 'store_unavailable' });
    expect(asked()).toBe(5);
    await expect.poll(() => ask().catch(() => 'refused')).toBe('answer');
    expect(guard.state()).toBe('closed');
    expect(logs).toEqual(['Scylla does not answer: requests are refused', 'Scylla answers again']);
  });

  test('is not opened by statements that are wrong', async () => {
    const { guard, ask } = setUp();
    for (let i = 0; i < 20; i += 1) await ask(INVALID).catch(() => undefined);
    expect(guard.state()).toBe('closed');
  });
});
