import { once } from 'node:events';
import * as http from 'node:http';
import * as http2 from 'node:http2';
import * as net from 'node:net';
import pino from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import { createCors } from '../../src/server/cors.ts';
import type { HttpHandler } from '../../src/server/exchange.ts';
import { healthHandler, readinessHandler } from '../../src/server/health.ts';
import { createHttpServer, type HttpServer, type ServerLimits } from '../../src/server/http-server.ts';
import { createReadiness, type NamedCheck } from '../../src/server/readiness.ts';

const open: HttpServer[] = [];
const sockets: net.Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(open.splice(0).map((server) => server.stop(AbortSignal.timeout(100))));
});

interface Held {
  release(): void;
  readonly arrived: Promise<void>;
}

/** `/echo` answers the body, `/held` when told so. */
async function start(
  options: {
    limits?: Partial<ServerLimits>;
    origins?: readonly string[] | 'any';
    checks?: readonly NamedCheck[];
    draining?: AbortSignal;
  } = {},
): Promise<{ server: HttpServer; url: string; port: number; held: Held }> {
  const released = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  const routes = new Map<string, HttpHandler>([
    ['/health', healthHandler()],
    [
      '/readyz',
      readinessHandler(
        createReadiness(options.checks ?? []),
        options.draining ?? new AbortController().signal,
      ),
    ],
    [
      '/echo',
      (request, response) => {
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.on('end', () => {
          response.end(Buffer.concat(chunks));
        });
      },
    ],
    [
      '/held',
      (request, response) => {
        request.resume();
        arrived.resolve();
        void released.promise.then(() => response.end('done'));
      },
    ],
  ]);
  const server = createHttpServer({
    host: '127.0.0.1',
    port: 0,
    cors: createCors(options.origins ?? 'any'),
    routes,
    logger: pino({ level: 'silent' }),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  });
  open.push(server);
  await server.start();
  const { url, port } = server.address();
  return { server, url, port, held: { release: released.resolve, arrived: arrived.promise } };
}

function connect(port: number): net.Socket {
  const socket = net.connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  socket.on('error', () => {});
  sockets.push(socket);
  return socket;
}

/** Everything until the other side closes. */
async function untilClosed(socket: net.Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => {
    text += String(chunk);
  });
  await once(socket, 'close');
  return text;
}

async function getOverHttp2(url: string, headers: http2.OutgoingHttpHeaders, body?: string | Buffer) {
  const session = http2.connect(url);
  const stream = session.request(headers);
  stream.end(body);
  const [answer] = await once(stream, 'response');
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  session.close();
  return { headers: answer, text };
}

describe('one port, two protocols', () => {
  test('HTTP/1.1 and h2c with prior knowledge', async () => {
    const { url } = await start();
    expect(await (await fetch(`${url}/echo`, { method: 'POST', body: 'one' })).text()).toBe('one');
    const two = await getOverHttp2(url, { ':path': '/echo', ':method': 'POST' }, 'two');
    expect(two.text).toBe('two');
    expect(two.headers[':status']).toBe(200);
  });

  test('a preface that comes byte by byte', async () => {
    const { port } = await start();
    const socket = connect(port);
    const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    const bytes = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1'), settings]);
    const answer = once(socket, 'data');
    for (const byte of bytes) {
      socket.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    const [frame] = await answer;
    // A SETTINGS frame: type 4 at offset 3.
    expect(frame[3]).toBe(4);
  });

  test('a POST whose first letter, which could begin a preface, comes alone', async () => {
    const { port } = await start();
    const socket = connect(port);
    const answer = untilClosed(socket);
    for (const part of [
      'P',
      'O',
      'ST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Len',
      'gth: 5\r\n\r\nhe',
      'llo',
    ]) {
      socket.write(part);
      await new Promise(setImmediate);
    }
    expect(await answer).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*hello$/);
  });

  test('a preface that goes wrong is a bad request', async () => {
    const { port } = await start();
    const socket = connect(port);
    socket.write('PRI * HTTP/3.0\r\n\r\nSM\r\n\r\n');
    expect(await untilClosed(socket)).toContain('400 Bad Request');
  });

  test('an offered upgrade to h2c is ignored and the request served', async () => {
    const { port } = await start();
    const socket = connect(port);
    const body = 'x'.repeat(50_000);
    socket.write(
      `POST /echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    const answered = once(socket, 'data');
    const answer = untilClosed(socket);
    await answered;
    socket.write('GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    expect(await answer).toContain(body);
    expect((await answer).endsWith('Ok')).toBe(true);
  });

  test('gRPC on HTTP/1.1 is refused, gRPC-Web is not', async () => {
    const { url } = await start();
    const post = (type: string) =>
      fetch(`${url}/echo`, { method: 'POST', body: 'x', headers: { 'content-type': type } });
    expect((await post('application/grpc+proto')).status).toBe(505);
    expect((await post('application/grpc-web+proto')).status).toBe(200);
  });

  test('requests that no URL can be made of do no harm', async () => {
    const { port, url } = await start();
    for (const head of [
      'GET /echo HTTP/1.1\r\nHost: [\r\n',
      'GET /echo HTTP/1.0\r\n',
      'GET //%zz?%00 HTTP/1.1\r\nHost: x\r\n',
    ]) {
      const socket = connect(port);
      socket.write(`${head}Connection: close\r\n\r\n`);
      expect(await untilClosed(socket)).toMatch(/^HTTP\/1\.1 \d{3}/);
    }
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });
});

describe('slow and dead peers', () => {
  const limits = {
    firstBytesTimeoutMs: 200,
    headersTimeoutMs: 200,
    requestTimeoutMs: 400,
    keepAliveTimeoutMs: 200,
    pingIntervalMs: 100,
    pingTimeoutMs: 100,
  };

  test.each([
    ['no byte at all', '', /^$/],
    ['half a preface', 'PRI * HT', /^$/],
    ['half a header', 'GET /health HTTP/1.1\r\nHost: x\r\nA', /^(HTTP\/1\.1 408[\s\S]*)?$/],
    [
      'half a body',
      'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc',
      /^(HTTP\/1\.1 408[\s\S]*)?$/,
    ],
    [
      'an idle keep-alive connection',
      'GET /health HTTP/1.1\r\nHost: x\r\n\r\n',
      /^HTTP\/1\.1 200 OK[\s\S]*Ok$/,
    ],
  ])('%s: closed', async (_, bytes, answer) => {
    const { port } = await start({ limits });
    const socket = connect(port);
    if (bytes !== '') socket.write(bytes);
    expect(await untilClosed(socket)).toMatch(answer);
  });

  test('a header a byte at a time never ends: closed', async () => {
    const { port } = await start({ limits });
    const socket = connect(port);
    socket.write('GET /health HTTP/1.1\r\n');
    const drip = setInterval(() => socket.write('x'), 20);
    await untilClosed(socket);
    clearInterval(drip);
  });

  test('an HTTP/2 body that does not come: the stream ends, its neighbours go on', async () => {
    const { url } = await start({ limits });
    const session = http2.connect(url);
    const stalled = session.request({ ':path': '/echo', ':method': 'POST' });
    stalled.on('error', () => {});
    stalled.write('abc');
    await once(stalled, 'close');
    expect(stalled.rstCode).toBe(http2.constants.NGHTTP2_CANCEL);
    const next = session.request({ ':path': '/health' });
    const [headers] = await once(next, 'response');
    expect(headers[':status']).toBe(200);
    session.destroy();
  });

  test('an HTTP/2 peer that answers no ping: closed; a live one stays', async () => {
    const { port, url } = await start({ limits });
    const live = http2.connect(url);
    await once(live, 'connect');
    const dead = connect(port);
    dead.write(
      Buffer.concat([
        Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
        Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
      ]),
    );
    await untilClosed(dead);
    expect(live.closed || live.destroyed).toBe(false);
    live.destroy();
  });

  test('more connections than allowed are closed at once', async () => {
    const { port, url } = await start({ limits: { maxConnections: 1 } });
    const first = connect(port);
    await once(first, 'connect');
    const second = connect(port);
    await untilClosed(second);
    first.destroy();
    await expect
      .poll(() =>
        fetch(`${url}/health`).then(
          ({ status }) => status,
          () => 0,
        ),
      )
      .toBe(200);
  });
});

describe('answers', () => {
  test('unknown paths are 404 in JSON', async () => {
    const { url } = await start();
    const answer = await fetch(`${url}/nothing?x=1`);
    expect(answer.status).toBe(404);
    expect(await answer.json()).toEqual({ code: 'not_found', message: 'not_found' });
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  });

  test('the request id is the client’s when it is plain, else a new one', async () => {
    const { url } = await start();
    const idOf = async (headers: Record<string, string>): Promise<string | null> =>
      (await fetch(`${url}/health`, { headers })).headers.get('x-request-id');
    expect(await idOf({ 'x-request-id': 'trace-1:a.b' })).toBe('trace-1:a.b');
    for (const bad of ['', 'a b', 'x'.repeat(65), '"><script>']) {
      expect(await idOf({ 'x-request-id': bad })).toMatch(/^[0-9a-f-]{36}$/);
    }
    expect(await idOf({})).not.toBe(await idOf({}));
    const { headers } = await getOverHttp2(url, { ':path': '/health', 'x-request-id': 'two' });
    expect(headers['x-request-id']).toBe('two');
  });

  test('a port that is in use is named', async () => {
    const { port } = await start();
    const second = createHttpServer({
      host: '127.0.0.1',
      port,
      cors: createCors([]),
      routes: new Map(),
      logger: pino({ level: 'silent' }),
    });
    await expect(second.start()).rejects.toThrow(`can't listen on 127.0.0.1:${port}: the port is in use`);
  });
});

describe('health', () => {
  test('/health answers GET and HEAD', async () => {
    const { url } = await start();
    const get = await fetch(`${url}/health`);
    expect([get.status, get.headers.get('content-type'), await get.text()]).toEqual([
      200,
      'text/plain; charset=utf-8',
      'Ok',
    ]);
    const head = await fetch(`${url}/health`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    const post = await fetch(`${url}/health`, { method: 'POST' });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  test('/readyz tells the first failing dependency', async () => {
    const state: Record<string, string | undefined | Error> = { a: undefined, b: undefined };
    const check = (name: string): NamedCheck => ({
      dependency: name,
      failure: `${name} failed`,
      async check() {
        const value = state[name];
        if (value instanceof Error) throw value;
        return value;
      },
    });
    const draining = new AbortController();
    const { url } = await start({ checks: [check('a'), check('b')], draining: draining.signal });
    const ready = async (): Promise<string> => {
      const answer = await fetch(`${url}/readyz`);
      return `${answer.status} ${await answer.text()}`;
    };
    expect(await ready()).toBe('200 Ok');
    state.b = 'b is down';
    await expect.poll(ready).toBe('503 b is down');
    state.a = new Error('driver text');
    await expect.poll(ready).toBe('503 a failed');
    Object.assign(state, { a: undefined, b: undefined });
    await expect.poll(ready).toBe('200 Ok');
    draining.abort();
    expect(await ready()).toBe('503 shutting down');
    expect((await fetch(`${url}/readyz?essential`)).status).toBe(503);
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });

  test('/readyz?essential leaves out what calls go on without', async () => {
    const state: Record<string, string | undefined> = { store: undefined, cache: 'cache failed' };
    const check = (name: string, essential: boolean): NamedCheck => ({
      ...{ dependency: name, failure: `${name} failed`, essential },
      check: async () => state[name],
    });
    const { url } = await start({ checks: [check('cache', false), check('store', true)] });
    const ready = async (query: string): Promise<string> =>
      await (await fetch(`${url}/readyz${query}`)).text();
    expect([await ready(''), await ready('?essential')]).toEqual(['cache failed', 'Ok']);
    state.store = 'store failed';
    await expect.poll(() => ready('?essential')).toBe('store failed');
  });

  test('/readyz?verbose adds what there is to say, and nothing that could not be found out', async () => {
    const check = async (): Promise<undefined> => undefined;
    const { url } = await start({
      checks: [
        { dependency: 'a', failure: 'a failed', check },
        { dependency: 'b', failure: 'b failed', check, detail: async () => '3 behind' },
        {
          dependency: 'c',
          failure: 'c failed',
          check: async () => 'c failed',
          detail: () => Promise.reject(new Error('driver text')),
        },
      ],
    });
    const text = async (query: string): Promise<string> =>
      (await (await fetch(`${url}/readyz${query}`)).text()).replaceAll(/\d+\.\d ms/g, 'n ms');
    const lines = 'c failed\na: ok, n ms\nb: ok, n ms\n3 behind\nc: c failed, n ms';
    expect(await text('')).toBe('c failed');
    expect(await text('?verbose')).toBe(lines);
    expect(await text('?x=1&verbose=1')).toBe(lines);
    expect(await text('?verbosely')).toBe('c failed');
  });

  test('a dependency that never answers has failed', async () => {
    const { url } = await start({
      checks: [{ dependency: 'a', failure: 'stuck', check: () => new Promise(() => {}) }],
    });
    const answer = await fetch(`${url}/readyz`);
    expect([answer.status, await answer.text()]).toEqual([503, 'stuck']);
  });
});

describe('CORS', () => {
  const preflight = (url: string, origin: string) =>
    fetch(`${url}/echo`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type,x-client-id',
      },
    });

  test('a listed origin may call with credentials', async () => {
    const { url } = await start({ origins: ['https://a.example'] });
    const answer = await preflight(url, 'https://a.example');
    expect(answer.status).toBe(204);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'access-control-allow-origin': 'https://a.example',
      'access-control-allow-credentials': 'true',
      'access-control-allow-headers': 'content-type,x-client-id',
      'access-control-max-age': '300',
    });
    expect(answer.headers.get('access-control-allow-methods')).toContain('PUT');
    const actual = await fetch(`${url}/health`, { headers: { origin: 'https://a.example' } });
    expect(actual.headers.get('access-control-expose-headers')).toMatch(/Set-Cookie.*Grpc-Status/);
    expect(actual.headers.get('vary')).toContain('Origin');
  });

  test('other origins get nothing', async () => {
    const { url } = await start({ origins: ['https://a.example'] });
    for (const origin of ['https://b.example', 'https://a.example.evil', 'null', 'http://a.example']) {
      const answer = await preflight(url, origin);
      expect(answer.status).toBe(204);
      expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
  });

  test('any origin is reflected when configured so', async () => {
    const { url } = await start({ origins: 'any' });
    expect((await preflight(url, 'https://b.example')).headers.get('access-control-allow-origin')).toBe(
      'https://b.example',
    );
  });
});

describe('stopping', () => {
  test('running requests of both protocols finish, new connections are refused, idle ones closed', async () => {
    const { server, url, port, held } = await start();
    const agent = new http.Agent({ keepAlive: true });
    const one = new Promise<string>((resolve, reject) => {
      http
        .get(`${url}/held`, { agent }, (response) => {
          response.on('data', (chunk) => resolve(String(chunk)));
        })
        .on('error', reject);
    });
    const session = http2.connect(url);
    const goaway = once(session, 'goaway');
    const stream = session.request({ ':path': '/held' });
    const two = once(stream, 'data');
    await held.arrived;
    const idle = connect(port);
    idle.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(idle, 'data');
    const silent = connect(port);
    await once(silent, 'connect');

    const stopped = server.stop(AbortSignal.timeout(10_000));
    await Promise.all([goaway, untilClosed(idle), untilClosed(silent)]);
    await expect(fetch(`${url}/health`)).rejects.toThrow();
    held.release();
    expect(await one).toBe('done');
    expect(String((await two)[0])).toBe('done');
    await stopped;
    await server.stop();
    agent.destroy();
  });

  test('at the deadline the rest is cut off', async () => {
    const { server, url, held } = await start();
    const answer = fetch(`${url}/held`);
    const lost = expect(answer).rejects.toThrow();
    await held.arrived;
    await server.stop(AbortSignal.timeout(50));
    await lost;
  });

  test('a server that never started can be stopped', async () => {
    const server = createHttpServer({
      host: '127.0.0.1',
      port: 0,
      cors: createCors([]),
      routes: new Map(),
      logger: pino({ level: 'silent' }),
    });
    await server.stop();
    expect(() => server.address()).toThrow('does not listen');
  });
});
