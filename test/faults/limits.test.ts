import { randomInt } from 'node:crypto';
import { Code } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { chatClient, startTestApp, type TestApp, tokensClient } from '../support/app.ts';
import { outcomesOf, sends } from '../support/outcomes.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { scrape } from '../support/scrape.ts';

const PUSH_TOKEN = { platform: 'ANDROID', token: 'push' };
const REFUSED = { code: Code.ResourceExhausted, rawMessage: 'rate limit exceeded' };
/** Two timeouts of Redis, and a machine that does something else. */
const NO_WAIT_MS = 5_000;

/** One instance beside another, a Redis that both use, and its faults. */
describe.skipIf(inject('postgresUrl') === '' || !inject('canStart').redis)(
  'limits that instances share',
  () => {
    let redis: RedisServer;
    let one: TestApp;
    let other: TestApp;

    /** The default is 50 ms, which a busy machine may need for itself. */
    async function start(timeoutMs = 10_000): Promise<void> {
      const env = {
        ...{ REDIS_URL: redis.url, REDIS_TIMEOUT_MS: `${timeoutMs}`, REDIS_BREAKER_RESET_MS: '200' },
        ...{ RATE_LIMIT_USER_PER_MINUTE: '12', RATE_LIMIT_AUTH_FAILURES_PER_MINUTE: '5' },
        TRUSTED_PROXIES: '127.0.0.1',
      };
      one = await startTestApp({ limited: true, env });
      other = await startTestApp({ limited: true, env, databaseUrl: one.databaseUrl });
      for (const { url } of [one, other]) await expect.poll(() => upOf(url)).toBe(1);
    }

    beforeEach(async () => {
      redis = await startRedis();
    });
    afterEach(async () => {
      await other?.stop();
      await one?.stop();
      await redis?.stop();
    });

    async function upOf(url: string): Promise<number | undefined> {
      return (await scrape(url)).value('chat_dependency_up', { dependency: 'redis' });
    }

    async function saves(app: TestApp, as: number, count: number) {
      const tokens = await tokensClient(app.url, { as });
      return await outcomesOf(Array.from({ length: count }, () => () => tokens.saveToken(PUSH_TOKEN)));
    }

    async function readiness({ url }: TestApp): Promise<string> {
      return (await (await fetch(`${url}/readyz`)).text()).trim();
    }

    async function fallbacks(app: TestApp): Promise<number> {
      return (await scrape(app.url)).value('chat_rate_limit_fallbacks_total') ?? 0;
    }

    test('a user has one bucket, whoever answers him', async () => {
      await start();
      const clients = await Promise.all([one, other].map(({ url }) => chatClient(url, { as: 1 })));
      const created = await clients[0]?.createRoom({ type: 'group', name: 'x', participants: [2] });
      const rooms = [created?.room?.id ?? ''];
      const { ok, refused, seconds } = await outcomesOf(clients.flatMap((chat) => sends(chat, 10, rooms)));
      expect(ok).toBeGreaterThanOrEqual(12);
      expect(ok).toBeLessThanOrEqual(12 + seconds);
      expect(refused[0]).toMatchObject(REFUSED);
      const { items } = (await clients[1]?.getMessageHistory({ id: rooms[0] ?? '' })) ?? { items: [] };
      expect(items.filter(({ type }) => type === 'user_message')).toHaveLength(ok);
      expect(await fallbacks(one)).toBe(0);
    });

    test('who guesses tokens at one instance is refused by the other, and nobody else is', async () => {
      await start();
      const headers = { 'x-forwarded-for': `198.51.${randomInt(256)}.${randomInt(256)}` };
      const call = async (app: TestApp, as: number | string, from = headers): Promise<unknown> =>
        await (await chatClient(app.url, { as, headers: from })).getRooms({});
      for (let count = 0; count < 5; count += 1) {
        await expect(call(one, 'no token')).rejects.toMatchObject({ code: Code.Unauthenticated });
      }
      await expect(call(one, 1)).rejects.toMatchObject(REFUSED);
      // The other one learns of it when it sees a failure itself.
      await expect(call(other, 'no token')).rejects.toMatchObject(REFUSED);
      await expect(call(other, 1)).rejects.toMatchObject(REFUSED);
      await call(other, 1, { 'x-forwarded-for': '203.0.113.1' });
      await call(one, 1, { 'x-forwarded-for': '203.0.113.1' });
    });

    test('Redis dies: each instance goes on by its own, and they share again when it is back', async () => {
      await start();
      expect((await saves(one, 1, 15)).ok).toBeLessThan(15);
      await redis.kill();
      for (const app of [one, other]) {
        const { ok, refused, seconds } = await saves(app, 2, 15);
        // All at once, as ever, then refused by the limit and not by an outage.
        expect(ok).toBeGreaterThanOrEqual(10);
        expect(ok).toBeLessThanOrEqual(10 + seconds);
        for (const error of refused) expect(error).toMatchObject(REFUSED);
        expect(await fallbacks(app)).toBeGreaterThan(0);
        await expect.poll(() => readiness(app)).toBe('Redis health check failed');
      }
      await redis.restart();
      for (const app of [one, other]) {
        // Each call of a user whom nobody limits much finds out whether Redis is asked again.
        await expect
          .poll(async () => {
            const before = await fallbacks(app);
            await saves(app, 3, 1);
            return (await fallbacks(app)) - before;
          })
          .toBe(0);
        await expect.poll(() => readiness(app)).toBe('Ok');
      }
      const both = await Promise.all([saves(one, 4, 8), saves(other, 4, 8)]);
      const ok = both.reduce((sum, outcome) => sum + outcome.ok, 0);
      expect(ok).toBeLessThanOrEqual(10 + Math.max(...both.map(({ seconds }) => seconds)));
      expect(one.logs.filter(({ msg }) => msg === 'Redis does not answer: going on without')).toHaveLength(1);
      expect(one.logs.filter(({ msg }) => msg === 'Redis answers again')).toHaveLength(1);
    });

    test('Redis stands still: no call fails or waits for it', async () => {
      await start(50);
      redis.pause();
      for (let call = 0; call < 8; call += 1) {
        const startedAt = performance.now();
        expect((await saves(one, 5, 1)).refused).toEqual([]);
        expect(performance.now() - startedAt).toBeLessThan(NO_WAIT_MS);
      }
      expect(await fallbacks(one)).toBe(8);
      expect((await scrape(one.url)).value('chat_breaker_state', { dependency: 'redis' })).toBeGreaterThan(0);
      redis.resume();
      await expect
        .poll(async () => {
          await saves(one, 6, 1);
          return (await scrape(one.url)).value('chat_breaker_state', { dependency: 'redis' });
        })
        .toBe(0);
    });
  },
);
