import * as http from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRoomCiphers } from '../../../src/client/client.ts';
import { chatClient, startTestApp, TEST_JWT_SECRET, type TestApp } from '../../support/app.ts';
import { get, PRODUCTION } from '../docs/serving.ts';
import { serveWeb } from './serving.ts';

const KEY = 'ab'.repeat(32);
const IV = 'cd'.repeat(16);
const NOWHERE = { status: 404, body: '{"code":"not_found","message":"not_found"}' };

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ embedded: true, env: { DEMO_DATA: 'true', CHAT_KEY: KEY, CHAT_IV: IV } });
});
afterAll(() => app.stop());

describe('the page', () => {
  test.each(['/', '/?as=1&with=2'])('%s loads all that it needs from here', async (path) => {
    const page = await fetch(`${app.url}${path}`);
    const html = await page.text();
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.headers.get('content-security-policy')?.split('; ')).toEqual([
      ...["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data: https:"],
      ...["connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
    ]);
    // The policy lets nothing run that is written into the page.
    expect(html).not.toMatch(/<script(?![^>]* src=)|<style| on\w+=| style=/);
    const loaded = [...html.matchAll(/ (?:src|href)="(\/[^"]+)"/g)].map(([, address = '']) => address);
    expect(loaded.sort()).toEqual(['/web/app.css', '/web/app.js']);
    const types = await Promise.all(
      loaded.map(async (address) => (await fetch(`${app.url}${address}`)).headers.get('content-type')),
    );
    expect(types).toEqual(['text/css; charset=utf-8', 'text/javascript; charset=utf-8']);
  });

  test('is not sent again while it is the same', async () => {
    const first = await fetch(`${app.url}/web/app.js`, { headers: { 'accept-encoding': 'gzip' } });
    expect(first.headers.get('content-encoding')).toBe('gzip');
    await first.text();
    const again = await get(app.url, '/web/app.js', {
      'accept-encoding': 'gzip',
      'if-none-match': first.headers.get('etag') ?? '',
    });
    expect(again).toEqual({ status: 304, body: '' });
  });

  test('is at most 120 KB with everything, as it goes over the wire', async () => {
    const sizes = await Promise.all(
      ['/', '/web/app.js', '/web/app.css'].map(async (path) => await wireSize(`${app.url}${path}`)),
    );
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(120 * 1024);
  });

  test.each(['/', '/web/app.css', '/web/setup', '/web/session?user=1'])('%s is only read', async (path) => {
    const head = await fetch(`${app.url}${path}`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    const post = await fetch(`${app.url}${path}`, { method: 'POST', body: 'x' });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });
});

describe('a demo user', () => {
  test('signs in with a token that the service takes and keys that open its rooms', async () => {
    const setup = await get(app.url, '/web/setup');
    expect(JSON.parse(setup.body).demoUsers.map(({ id }: { id: number }) => id)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8,
    ]);
    const answer = await fetch(`${app.url}/web/session?user=3`, {
      headers: { 'sec-fetch-site': 'same-origin' },
    });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const { token, expiresAt, chatKey, chatIv } = JSON.parse(await answer.text());
    expect(expiresAt).toBeGreaterThan(Date.now() + 3_000_000);
    const rpc = await chatClient(app.url, { as: token });
    const { room } = await rpc.createRoom({ type: 'p2p', participants: [4] });
    expect(room?.partner?.name).toBe('User 4');
    const cipher = await createRoomCiphers({ key: chatKey, iv: chatIv }).open(room?.encryptionData ?? '');
    expect(await cipher.decrypt(await cipher.encrypt('hello'))).toBe('hello');
  });

  test.each(['0', '9', '1e0', '01', '', '1%20'])('there is none called “%s”', async (user) => {
    const answer = await get(app.url, `/web/session?user=${user}`);
    expect(answer).toEqual({ status: 404, body: 'there is no such demo user' });
  });

  test.each([
    ['a page of another origin', { origin: 'https://evil.example' }],
    ['a page of another site', { 'sec-fetch-site': 'cross-site' }],
    ['a page on another port', { 'sec-fetch-site': 'same-site' }],
    ['somebody behind a proxy', { 'x-forwarded-for': '203.0.113.7' }],
    ['somebody behind another proxy', { forwarded: 'for=203.0.113.7' }],
    ['a page whose name leads here', { host: 'evil.example' }],
  ])('is not for %s', async (_, headers) => {
    const refused = { status: 403, body: 'demo users are for a browser on this machine' };
    expect(await get(app.url, '/web/session?user=1', headers)).toEqual(refused);
    expect(await get(app.url, '/web/setup', headers)).toEqual({ status: 200, body: '{"demoUsers":[]}' });
  });

  test.each([
    ['in production', { ...PRODUCTION, WEB_UI: 'true' }],
    ['where nobody made demo data', { DEMO_DATA: 'false', JWT_SECRET: TEST_JWT_SECRET }],
    ['where the service can’t sign', { DEMO_DATA: 'true', JWT_JWKS_URL: 'https://id.example/keys' }],
  ])('is nobody %s: people bring a token and the keys', async (_, env) => {
    const url = await serveWeb(env);
    expect((await get(url, '/')).status).toBe(200);
    expect(await get(url, '/web/setup')).toEqual({ status: 200, body: '{"demoUsers":[]}' });
    const answer = await get(url, '/web/session?user=1');
    expect(answer).toEqual({ status: 404, body: 'there are no demo users here' });
  });
});

test.each([
  ['with WEB_UI=false', { WEB_UI: 'false', DEMO_DATA: 'true', JWT_SECRET: TEST_JWT_SECRET }],
  ['in production, unless it is switched on', PRODUCTION],
])('there is no web chat %s', async (_, env) => {
  const url = await serveWeb(env);
  for (const path of ['/', '/web/app.js', '/web/setup', '/web/session?user=1']) {
    expect(await get(url, path)).toEqual(NOWHERE);
  }
});

async function wireSize(url: string): Promise<number> {
  return await new Promise((resolve, reject) => {
    http
      .get(url, { headers: { 'accept-encoding': 'gzip' } }, (response) => {
        text(response).catch(reject);
        resolve(Number(response.headers['content-length']));
      })
      .on('error', reject);
  });
}
