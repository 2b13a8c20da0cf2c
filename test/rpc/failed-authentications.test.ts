import { Code } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { chatClient, PROTOCOLS, startTestApp, type TestApp, usersClient } from '../support/app.ts';
import { outcomesOf } from '../support/outcomes.ts';
import { scrape } from '../support/scrape.ts';

const REFUSED = { code: Code.ResourceExhausted, rawMessage: 'rate limit exceeded' };
const INVALID = { code: Code.Unauthenticated, rawMessage: 'invalid_token' };

describe.skipIf(inject('postgresUrl') === '')('failed authentications', () => {
  const apps: TestApp[] = [];
  let behindProxy: TestApp;

  async function start(env: Readonly<Record<string, string>>): Promise<TestApp> {
    const app = await startTestApp({ env: { RATE_LIMIT_AUTH_FAILURES_PER_MINUTE: '5', ...env } });
    apps.push(app);
    return app;
  }

  beforeAll(async () => {
    behindProxy = await start({ TRUSTED_PROXIES: '127.0.0.0/8, 10.0.0.0/8' });
  });
  afterAll(async () => {
    for (const app of apps) await app.stop();
  });

  /** A call with a token, or a bad one, from an address that the proxy tells. */
  async function call({ url }: TestApp, as: number | string, forwardedFor?: string): Promise<void> {
    const headers = forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor };
    await (await chatClient(url, { as, headers })).getRooms({});
  }

  async function fail(app: TestApp, count: number, forwardedFor?: string): Promise<void> {
    for (let done = 0; done < count; done += 1) {
      await expect(call(app, 'no token', forwardedFor)).rejects.toMatchObject(INVALID);
    }
  }

  test('so many of an address at once; then nobody from there is heard, whatever it shows', async () => {
    const app = await start({});
    for (let count = 0; count < 20; count += 1) await call(app, 1);
    // Nobody has to believe what an unknown peer says about others.
    for (let last = 1; last <= 5; last += 1) await fail(app, 1, `203.0.113.${last}`);
    for (const as of ['no token', 1]) await expect(call(app, as)).rejects.toMatchObject(REFUSED);
    await expect(call(app, 1, '203.0.113.77')).rejects.toMatchObject(REFUSED);
    const { refused } = await outcomesOf([() => call(app, 1)]);
    // 5 a minute: the next one is heard after 12 seconds.
    expect(Number(refused[0]?.metadata.get('retry-after'))).toBeLessThanOrEqual(12);
    expect(Number(refused[0]?.metadata.get('retry-after'))).toBeGreaterThan(5);
    const { value } = await scrape(app.url);
    const decisions = (outcome: string) =>
      value('chat_rate_limit_decisions_total', { limit: 'failed_authentications', outcome });
    expect(decisions('allowed')).toBe(5);
    expect(decisions('refused')).toBe(4);
    // It might be a proxy that nobody has named.
    const hints = app.logs.filter(({ msg }) => String(msg).includes('TRUSTED_PROXIES'));
    expect(hints).toMatchObject([{ address: '127.0.0.1' }]);
    expect(behindProxy.logs.filter(({ msg }) => String(msg).includes('TRUSTED_PROXIES'))).toEqual([]);
  });

  test.each(PROTOCOLS)('%s: calls and streams are refused alike', async (protocol) => {
    const address = `198.51.100.${PROTOCOLS.indexOf(protocol)}`;
    await fail(behindProxy, 5, address);
    const chat = await chatClient(behindProxy.url, {
      ...{ as: 1, clientId: 'c', protocol, headers: { 'x-forwarded-for': address } },
    });
    const { refused } = await outcomesOf([
      () => chat.getRooms({}),
      async () => {
        for await (const _ of chat.streamMessages({})) break;
      },
    ]);
    expect(refused).toMatchObject([REFUSED, REFUSED]);
    for (const { metadata } of refused) expect(metadata.get('retry-after')).toMatch(/^([1-9]|1[0-2])$/);
  });

  test('behind a trusted proxy they count for the client, who can not be somebody else', async () => {
    // What the client itself claims is to the left of what the proxies say.
    for (let last = 1; last <= 5; last += 1) {
      await fail(behindProxy, 1, `192.0.2.${last}, no address, 203.0.113.9, 10.1.2.3`);
    }
    await expect(call(behindProxy, 1, '203.0.113.9')).rejects.toMatchObject(REFUSED);
    await expect(call(behindProxy, 1, '192.0.2.8, 203.0.113.9')).rejects.toMatchObject(REFUSED);
    await call(behindProxy, 1, '203.0.113.10');
    await call(behindProxy, 1, '203.0.113.9, 203.0.113.10');
    await call(behindProxy, 1, '192.0.2.1');
    await call(behindProxy, 1);
  });

  test('an IPv6 address counts with its /64', async () => {
    for (let last = 1; last <= 5; last += 1) await fail(behindProxy, 1, `2001:db8:1:2:${last}::1`);
    await expect(call(behindProxy, 1, '2001:db8:1:2::9')).rejects.toMatchObject(REFUSED);
    await call(behindProxy, 1, '2001:db8:1:3::9');
  });

  test('a caller who is known and may not do something has not failed', async () => {
    const headers = { 'x-forwarded-for': '203.0.113.20' };
    const notAdmin = await usersClient(behindProxy.url, { as: 1, admin: false, headers });
    for (let count = 0; count < 10; count += 1) {
      await expect(notAdmin.getUsers({ ids: [1] })).rejects.toMatchObject({ code: Code.PermissionDenied });
    }
    await call(behindProxy, 1, '203.0.113.20');
  });

  test('a token of somebody who is not there counts', async () => {
    for (let count = 0; count < 5; count += 1) {
      await expect(call(behindProxy, 999, '203.0.113.30')).rejects.toMatchObject(INVALID);
    }
    await expect(call(behindProxy, 1, '203.0.113.30')).rejects.toMatchObject(REFUSED);
  });

  test('0 hears everybody', async () => {
    const app = await start({ RATE_LIMIT_AUTH_FAILURES_PER_MINUTE: '0' });
    await fail(app, 100);
    await call(app, 1);
  });
});
