import { once } from 'node:events';
import * as http2 from 'node:http2';
import * as net from 'node:net';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import pino from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import { Health } from '../../src/gen/health/v1/health_pb.ts';
import { createHealthHandlers } from '../../src/rpc/health.ts';
import { createCors } from '../../src/server/cors.ts';
import { healthHandler } from '../../src/server/health.ts';
import {
  createHttpServer,
  type HttpServerOptions,
  type ListenAddress,
  type ServerLimits,
} from '../../src/server/http-server.ts';
import { PROTOCOLS, transportOf } from '../support/app.ts';

const logger = pino({ level: 'silent' });
const never = new AbortController().signal;
/** A message that is larger than all buffers between client and server, and than what is allowed. */
const MESSAGE_BYTES = 8 * 1024 * 1024;
const PREFIX_BYTES = 5;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const work of cleanups.splice(0).reverse()) await work();
});

/** Serves grpc.health.v1, whose requests may have 1,024 bytes, and `/health`. */
async function start(limits: Partial<ServerLimits> = {}): Promise<ListenAddress> {
  const health = { failing: async () => new Set<string>(), draining: never, streamsEnd: never, logger };
  return await serve([...createHealthHandlers(health), ['/health', healthHandler()]], limits);
}

async function serve(
  routes: readonly (readonly [string, NonNullable<ReturnType<HttpServerOptions['routes']['get']>>])[],
  limits: Partial<ServerLimits> = {},
): Promise<ListenAddress> {
  const options = { host: '127.0.0.1', port: 0, cors: createCors([]), logger, limits };
  const server = createHttpServer({ ...options, routes: new Map(routes) });
  await server.start();
  cleanups.push(() => server.stop(AbortSignal.timeout(0)));
  return server.address();
}

function envelope(): Buffer {
  const message = Buffer.alloc(PREFIX_BYTES + MESSAGE_BYTES);
  message.writeUInt32BE(MESSAGE_BYTES, 1);
  return message;
}

function head(method: string, type: string): string {
  const length = PREFIX_BYTES + MESSAGE_BYTES;
  return `POST /grpc.health.v1.Health/${method} HTTP/1.1\r\nhost: x\r\ncontent-type: ${type}\r\ncontent-length: ${length}\r\n\r\n`;
}

/** A raw connection and what came back on it so far. */
function connect(port: number): { socket: net.Socket; received: () => string } {
  const socket = net.connect(port, '127.0.0.1');
  cleanups.push(() => socket.destroy());
  let received = '';
  socket.on('data', (chunk) => {
    received += String(chunk);
  });
  // Whether it ends well is not what is asked.
  socket.on('error', () => {});
  return { socket, received: () => received };
}

function openGrpc(url: string): http2.ClientHttp2Stream {
  const session = http2.connect(url);
  cleanups.push(() => session.destroy());
  const stream = session.request({
    ':method': 'POST',
    ':path': '/grpc.health.v1.Health/Watch',
    'content-type': 'application/grpc+proto',
    te: 'trailers',
  });
  stream.on('error', () => {});
  stream.resume();
  return stream;
}

describe('what is left of a request that was refused half way', () => {
  test.each([
    ['a stream', 'Watch', 'application/connect+proto'],
    ['a unary call', 'Check', 'application/proto'],
  ])('does not hide the next request of an HTTP/1.1 connection: %s', async (_, method, type) => {
    const { port } = await start();
    const { socket, received } = connect(port);
    socket.write(head(method, type));
    socket.write(envelope());
    socket.write('GET /health HTTP/1.1\r\nhost: x\r\n\r\n');
    await expect.poll(() => received().match(/HTTP\/1\.1 \d+/g)?.length).toBe(2);
    expect(received()).toContain('resource_exhausted');
    expect(received()).toMatch(/HTTP\/1\.1 200 OK(?!.*HTTP\/1\.1)/s);
  });

  test('does not keep an HTTP/2 client waiting for room to send it', async () => {
    const { url } = await start();
    const stream = openGrpc(url);
    const refused = once(stream, 'trailers');
    stream.end(envelope());
    const [trailers] = await refused;
    expect(trailers['grpc-status']).toBe(String(Code.ResourceExhausted));
    await once(stream, 'close');
    expect(stream.rstCode).toBe(http2.constants.NGHTTP2_NO_ERROR);
  });

  test('is not awaited for ever', async () => {
    const { url, port } = await start({ requestTimeoutMs: 500, headersTimeoutMs: 400 });
    const stream = openGrpc(url);
    stream.write(envelope().subarray(0, 64 * 1024));
    const { socket, received } = connect(port);
    socket.write(head('Watch', 'application/connect+proto'));
    socket.write(envelope().subarray(0, 64 * 1024));
    await Promise.all([once(stream, 'close'), once(socket, 'close')]);
    expect(received()).toContain('resource_exhausted');
  });
});

test.each(PROTOCOLS)('an RPC that is not there is unimplemented: %s', async (protocol) => {
  const { url } = await serve([['/health', healthHandler()]]);
  const client = createClient(Health, transportOf(url, protocol));
  const code = await client.check({}).then(
    () => undefined,
    (error: unknown) => ConnectError.from(error).code,
  );
  expect(code).toBe(Code.Unimplemented);
});
