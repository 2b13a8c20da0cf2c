import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestApp, TEST_JWT_SECRET, type TestApp } from '../../support/app.ts';
import { get, PRODUCTION, serve } from './serving.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ embedded: true, users: 0, env: { DEMO_DATA: 'true' } });
});
afterAll(() => app.stop());

function tokenIn(page: string): string | undefined {
  return /<meta name="development-token" content="([^"]*)">/.exec(page)?.[1];
}

interface ViewerOptions {
  readonly url: string;
  readonly onComplete: () => void;
}

/** Runs the page's script where there is no browser: what it tells the viewer, and with which tokens it signs in. */
function runViewer(script: string, token: string) {
  const told: ViewerOptions[] = [];
  const authorized: [string, string][] = [];
  const viewer = { preauthorizeApiKey: (scheme: string, value: string) => authorized.push([scheme, value]) };
  const SwaggerUIBundle = (options: ViewerOptions) => {
    told.push(options);
    return viewer;
  };
  const document = { querySelector: () => ({ content: token }) };
  runInNewContext(script, { SwaggerUIBundle, document });
  const [options] = told;
  if (options === undefined) throw new Error('the viewer was not started');
  return { options, authorized };
}

describe('the page', () => {
  test.each(['/docs', '/api/chat/swagger/index.html'])(
    '%s loads what it needs, all of it from here',
    async (path) => {
      const page = await fetch(`${app.url}${path}`);
      const html = await page.text();
      expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(page.headers.get('cache-control')).toBe('no-store');
      expect(page.headers.get('content-security-policy')?.split('; ')).toEqual([
        ...["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:"],
        ...["connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
      ]);
      expect(html).not.toMatch(/https?:/);
      // The policy lets nothing run that is written into the page.
      expect(html).not.toMatch(/<script(?![^>]* src=)|<style| on\w+=| style=/);
      const loaded = [...html.matchAll(/ (?:src|href)="(\/[^"]+)"/g)].map(([, address = '']) => address);
      expect(loaded.sort()).toEqual([
        ...['/docs/openapi.yaml', '/docs/swagger-ui-bundle.js', '/docs/swagger-ui.css', '/docs/viewer.js'],
      ]);
      const types = await Promise.all(
        loaded.map(async (address) => {
          const { status, headers } = await fetch(`${app.url}${address}`);
          return `${status} ${headers.get('content-type')} ${headers.get('x-content-type-options')}`;
        }),
      );
      expect(types).toEqual([
        '200 application/yaml nosniff',
        '200 text/javascript; charset=utf-8 nosniff',
        '200 text/css; charset=utf-8 nosniff',
        '200 text/javascript; charset=utf-8 nosniff',
      ]);
    },
  );

  test.each(['a.b-c_d', ''])(
    'the viewer reads the document from here, asks nobody else, and takes the token "%s"',
    async (token) => {
      const script = await (await fetch(`${app.url}/docs/viewer.js`)).text();
      const { options, authorized } = runViewer(script, token);
      options.onComplete();
      expect(options).toMatchObject({ url: '/docs/openapi.json', validatorUrl: null, dom_id: '#viewer' });
      expect(authorized).toEqual(token === '' ? [] : [['bearer', token]]);
      const api = await (await fetch(`${app.url}${options.url}`)).json();
      expect(api).toHaveProperty('components.securitySchemes.bearer');
      expect((await get(app.url, '/docs')).body).toContain('<main id="viewer">');
    },
  );

  test('has a token of the first demo user, who can call at once', async () => {
    const token = tokenIn((await get(app.url, '/docs')).body);
    const answer = await fetch(`${app.url}/services.chat.v1.ChatService/GetRooms`, {
      method: 'POST',
      headers: {
        ...{ authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        'connect-protocol-version': '1',
      },
      body: '{}',
    });
    expect(answer.status).toBe(200);
    expect(JSON.stringify(await answer.json())).toContain('Announcements');
    const claims = JSON.parse(Buffer.from(token?.split('.')[1] ?? '', 'base64url').toString());
    expect(claims).toMatchObject({ user_id: 1 });
    expect(claims.role).toBeUndefined();
    expect(claims.exp - claims.iat).toBe(3_600);
  });

  test.each([
    ['another page asks', { origin: 'https://evil.example' }],
    ['another page embeds it', { 'sec-fetch-site': 'cross-site' }],
    ['a name was made to lead here', { host: 'evil.example' }],
    ['a name that looks like an address was', { host: '127.0.0.1.evil.example' }],
    ['a proxy is in between', { 'x-forwarded-for': '192.0.2.1' }],
  ])('has no token when %s', async (_case, headers) => {
    const { status, body } = await get(app.url, '/docs', headers);
    expect([status, tokenIn(body)]).toEqual([200, '']);
    expect(tokenIn((await get(app.url, '/docs', { host: 'localhost:8080' })).body)).not.toBe('');
  });

  test('has no token where users are real', async () => {
    const real = await serve({ DEMO_DATA: 'false', JWT_SECRET: TEST_JWT_SECRET });
    const production = await serve({ ...PRODUCTION, PUBLIC_DOCS: 'true' });
    const keys = await serve({ DEMO_DATA: 'true', JWT_JWKS_URL: 'https://keys.example' });
    const demo = await serve({ DEMO_DATA: 'true', JWT_SECRET: TEST_JWT_SECRET });
    for (const url of [real, production, keys]) expect(tokenIn((await get(url, '/docs')).body)).toBe('');
    expect(tokenIn((await get(demo, '/docs')).body)).not.toBe('');
  });
});
