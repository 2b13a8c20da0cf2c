import { readdirSync, readFileSync } from 'node:fs';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chatClient, startTestApp, TEST_JWT_SECRET, type TestApp } from '../../support/app.ts';
import { get, PRODUCTION, serve } from './serving.ts';

const DESCRIPTIONS = [
  '/docs',
  '/docs/openapi.yaml',
  '/docs/openapi.json',
  '/api/chat/swagger/index.html',
  '/api/chat/swagger/openapi.yaml',
  '/api/chat/protos_download',
];
const REFLECTION = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ embedded: true, users: 0, env: { DEMO_DATA: 'true' } });
});
afterAll(() => app.stop());

async function statuses(url: string, paths: readonly string[]): Promise<readonly number[]> {
  return await Promise.all(paths.map(async (path) => (await fetch(`${url}${path}`)).status));
}

describe('files', () => {
  test('are those of the package, compressed for those who can read that', async () => {
    const script = readFileSync('node_modules/swagger-ui-dist/swagger-ui-bundle.js');
    const address = `${app.url}/docs/swagger-ui-bundle.js`;
    for (const coding of ['identity', 'gzip;q=0', 'br']) {
      const plain = await fetch(address, { headers: { 'accept-encoding': coding } });
      expect(plain.headers.get('content-encoding'), coding).toBeNull();
      expect(Buffer.from(await plain.arrayBuffer()).equals(script), coding).toBe(true);
    }
    const head = await fetch(address, { method: 'HEAD', headers: { 'accept-encoding': 'br, gzip;q=0.5' } });
    expect(head.headers.get('content-encoding')).toBe('gzip');
    expect(Number(head.headers.get('content-length'))).toBeLessThan(600_000);
    expect(head.headers.get('vary')).toBe('Origin, Accept-Encoding');
    const packed = await fetch(address, { headers: { 'accept-encoding': 'gzip' } });
    expect(Buffer.from(await packed.arrayBuffer()).equals(script)).toBe(true);
    expect(packed.headers.get('etag')).not.toBe(
      (await fetch(address, { headers: { 'accept-encoding': 'br' } })).headers.get('etag'),
    );
  });

  test('are not sent again to those who have them', async () => {
    for (const path of ['/docs/openapi.json', '/docs/swagger-ui.css', '/api/chat/protos_download']) {
      const etag = (await fetch(`${app.url}${path}`)).headers.get('etag') ?? '';
      const again = await fetch(`${app.url}${path}`, { headers: { 'if-none-match': `"other", W/${etag}` } });
      expect([again.status, await again.text()], path).toEqual([304, '']);
      const other = await fetch(`${app.url}${path}`, { headers: { 'if-none-match': '"other"' } });
      expect(other.status, path).toBe(200);
      await other.body?.cancel();
    }
  });

  test('can only be read', async () => {
    for (const path of [...DESCRIPTIONS, '/api/chat/debug', '/api/chat/swagger']) {
      const posted = await fetch(`${app.url}${path}`, { method: 'POST' });
      expect([posted.status, posted.headers.get('allow')], path).toEqual([405, 'GET, HEAD']);
      const head = await fetch(`${app.url}${path}`, { method: 'HEAD', redirect: 'manual' });
      expect([head.ok || head.status === 301, await head.text()], path).toEqual([true, '']);
    }
  });

  test.each([
    '/docs/../../../../package.json',
    '/docs/%2e%2e/docs.ts',
    '/docs/..%2fdocs.ts',
    '/docs/assets/openapi.yaml',
    '/docs/openapi.yaml/',
    '/docs/constructor',
    '/api/chat/swagger/../../../package.json',
  ])('%s leads nowhere', async (path) => {
    expect((await get(app.url, path)).status).toBe(404);
  });
});

describe('the inherited paths', () => {
  test('lead to the page and the document', async () => {
    const moved = await fetch(`${app.url}/api/chat/swagger`, { redirect: 'manual' });
    expect([moved.status, moved.headers.get('location')]).toEqual([301, '/api/chat/swagger/index.html']);
    const document = await fetch(`${app.url}/api/chat/swagger/openapi.yaml`);
    expect(document.headers.get('content-type')).toBe('application/yaml');
    const yaml = await document.text();
    expect(yaml).toContain('title: ChatMessages API');
    expect(await (await fetch(`${app.url}/docs/openapi.yaml`)).text()).toBe(yaml);
  });

  test('give every proto file, the same archive each time', async () => {
    const before = new Date();
    const answer = await fetch(`${app.url}/api/chat/protos_download`);
    expect(answer.headers.get('content-type')).toBe('application/zip');
    const name = answer.headers.get('content-disposition') ?? '';
    const [, day = '', time = ''] =
      /^attachment; filename="proto_sources_(\d{8})_(\d{6})\.zip"$/.exec(name) ?? [];
    const told = `${day}${time}`.replace(/(\d{4})(..)(..)(..)(..)(..)/, '$1-$2-$3T$4:$5:$6Z');
    expect(Math.abs(Date.parse(told) - before.getTime())).toBeLessThan(30_000);
    const archive = Buffer.from(await answer.arrayBuffer());
    const files = unzipSync(archive);
    const expected = readdirSync('proto', { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith('.proto'),
    );
    expect(expected.length).toBeGreaterThan(5);
    expect(Object.keys(files).sort()).toEqual(expected.sort());
    for (const [path, content] of Object.entries(files)) {
      expect(Buffer.from(content).toString()).toBe(readFileSync(`proto/${path}`, 'utf8'));
    }
    const again = await fetch(`${await serve({})}/api/chat/protos_download`);
    expect(Buffer.from(await again.arrayBuffer()).equals(archive)).toBe(true);
  });

  test('diagnose the process, without secrets', async () => {
    const left = new AbortController();
    const chat = await chatClient(app.url, { as: 1, clientId: 'diagnosed' });
    const stream = chat.streamMessages({}, { signal: left.signal })[Symbol.asyncIterator]();
    await stream.next();
    const answer = await fetch(`${app.url}/api/chat/debug`);
    const body = await answer.text();
    left.abort();
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(JSON.parse(body)).toMatchObject({
      service: { name: 'connect-chat', version: expect.stringMatching(/^\d+\.\d+\.\d+/) },
      runtime: { node: process.version },
      uptimeSeconds: expect.any(Number),
      memoryBytes: { heapUsed: expect.any(Number) },
      eventLoop: { delayMs: { mean: expect.any(Number), max: expect.any(Number) } },
      activeHandles: { TCPSocketWrap: expect.any(Number) },
      openStreams: 1,
    });
    expect(body).not.toContain(TEST_JWT_SECRET);
    expect(body).not.toMatch(/secret|password|token|postgres:|\/work|\/home/i);
  });
});

describe('where they are', () => {
  test('outside production, unless they are switched off', async () => {
    expect(await statuses(app.url, DESCRIPTIONS)).toEqual(DESCRIPTIONS.map(() => 200));
    const off = await startTestApp({ embedded: true, env: { PUBLIC_DOCS: 'false' } });
    try {
      expect(await statuses(off.url, [...DESCRIPTIONS, REFLECTION])).toEqual(
        [...DESCRIPTIONS, REFLECTION].map(() => 404),
      );
      expect(await statuses(off.url, ['/api/chat/debug'])).toEqual([200]);
    } finally {
      await off.stop();
    }
  });

  test('in production only when they are asked for, and the diagnostics never', async () => {
    const all = [...DESCRIPTIONS, '/api/chat/swagger', REFLECTION, '/api/chat/debug'];
    expect(await statuses(await serve(PRODUCTION), all)).toEqual(all.map(() => 404));
    const open = await serve({ ...PRODUCTION, PUBLIC_DOCS: 'true' });
    expect(await statuses(open, DESCRIPTIONS)).toEqual(DESCRIPTIONS.map(() => 200));
    // There, but for gRPC over HTTP/2 only.
    expect(await statuses(open, [REFLECTION])).not.toEqual([404]);
    expect(await statuses(open, ['/api/chat/debug'])).toEqual([404]);
  });
});
