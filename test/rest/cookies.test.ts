import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chatClient, startTestApp, type TestApp, tokenOf } from '../support/app.ts';
import { type RawResponse, rawRequest } from './raw-request.ts';

const ORIGIN = 'https://app.example';
const COOKIE = /^chat-client-id=[0-9a-f-]{36}; Path=\/; HttpOnly; SameSite=Lax$/;

describe('cookies of REST', () => {
  let app: TestApp;
  let token: string;
  let roomId: string;

  beforeAll(async () => {
    app = await startTestApp({ env: { CORS_ORIGINS: ORIGIN } });
    token = await tokenOf(1);
    const ann = await chatClient(app.url, { as: 1 });
    roomId = (await ann.createRoom({ type: 'p2p', participants: [2] })).room?.id ?? '';
  });
  afterAll(() => app?.stop());

  async function call(
    path: string,
    { headers = {} }: { headers?: Record<string, string> } = {},
  ): Promise<RawResponse> {
    const authorization = `Bearer ${token}`;
    return await rawRequest(app.url, { method: 'GET', path, headers: { authorization, ...headers } });
  }

  async function send(body: string, headers: Record<string, string>): Promise<RawResponse> {
    return await rawRequest(app.url, { method: 'POST', path: '/api/chat/v1/send', body, headers });
  }

  test('a client without an id is given one; who has one keeps it', async () => {
    const path = '/api/chat/v1/room/list';
    expect((await call(path)).headers['set-cookie']?.[0]).toMatch(COOKIE);
    expect((await call(path, { headers: { authorization: '' } })).headers['set-cookie']?.[0]).toMatch(COOKIE);
    const general = Buffer.from('{"ClientId":"x"}').toString('base64');
    for (const headers of [
      { cookie: 'chat-client-id=x' },
      { 'x-client-id': 'x' },
      { 'general-params-bin': general },
    ]) {
      expect((await call(path, { headers: { ...headers } })).headers['set-cookie']).toBeUndefined();
    }
  });

  test('the cookie may be for TLS and for a domain', async () => {
    const other = await startTestApp({ env: { SECURE_COOKIES: 'true', SERVER_DOMAIN: 'example.org' } });
    try {
      const { headers } = await rawRequest(other.url, {
        method: 'GET',
        path: '/api/chat/v1/room/list',
        headers: {},
      });
      expect(headers['set-cookie']?.[0]).toMatch(/; SameSite=Lax; Secure; Domain=example\.org$/);
    } finally {
      await other.stop();
    }
  });

  test('a page that may not call gets no use of the cookies, other callers do', async () => {
    const cookie = `chat-access-token=${token}`;
    const { host } = new URL(app.url);
    const statusOf = async (origin: Record<string, string>): Promise<number> =>
      (
        await send(JSON.stringify({ roomId, content: 'eA==' }), {
          cookie,
          'content-type': 'text/plain',
          ...origin,
        })
      ).status;
    expect(await statusOf({})).toBe(200);
    expect(await statusOf({ origin: ORIGIN })).toBe(200);
    expect(await statusOf({ origin: `https://${host}` })).toBe(200);
    expect(await statusOf({ origin: 'https://evil.example' })).toBe(401);
    expect(await statusOf({ origin: 'null' })).toBe(401);
    // For this a browser asks first, and is told no.
    const asked = { origin: 'https://evil.example', 'content-type': 'application/json' };
    expect(await statusOf(asked)).toBe(200);
  });
});
