import { once } from 'node:events';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type ConnectRouter, createConnectRouter } from '@connectrpc/connect';
import pino from 'pino';
import { loadConfig } from '../../src/config.ts';
import { createLimits } from '../../src/limits/limits.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { createRpcHandlers, serveRouter, wireOptions } from '../../src/rpc/adapter.ts';
import { createClientAddress } from '../../src/server/client-address.ts';
import { createCors } from '../../src/server/cors.ts';
import { createHttpServer } from '../../src/server/http-server.ts';
import { readProtocol } from './protocol.ts';
import { createConformanceService } from './service.ts';

/*
 * `node server.ts IMAGE [whole]`: a server as connectconformance starts them. It reads what is asked of it from standard input, answers
 * where it listens, and serves until SIGTERM. Port, mux, limits, adapter, codecs, compression and stream writer are the product's;
 * `whole` adds its gate and interceptors, which change some errors on purpose.
 */

const HOST = '127.0.0.1';
const never = new AbortController().signal;

const protocol = readProtocol(process.argv[2] ?? '');
const { messageReceiveLimit } = fromBinary(protocol.serverRequest, await readMessage(process.stdin));
const { config } = loadConfig({});
const logger = pino({ level: 'silent' });

const maxRequestBytes = messageReceiveLimit || config.limits.maxRequestBytes;
const wire = wireOptions(maxRequestBytes);
const jsonOptions = { ...wire.jsonOptions, registry: protocol.registry };
const routes = (router: ConnectRouter): void => {
  router.service(protocol.service, createConformanceService(protocol), { jsonOptions });
};

/** Only what reads and writes calls. */
function bareHandlers(): ReturnType<typeof serveRouter> {
  const router = createConnectRouter(wire);
  routes(router);
  return serveRouter(router, logger);
}

/** Everything that stands before the chat's own RPCs, with a caller who needs no token. */
function wholeHandlers(): ReturnType<typeof serveRouter> {
  const metrics = createMetrics();
  const identity = { userId: 1, isAdmin: false, expiresAt: Number.MAX_SAFE_INTEGER };
  return createRpcHandlers({
    routes,
    maxRequestBytes,
    verifier: { verify: async () => identity },
    activeUsers: { isActive: async () => true },
    cookies: { session: config.auth.sessionCookie, clientId: config.auth.clientIdCookie },
    limits: createLimits({ rates: config.rateLimits, redis: undefined, metrics }),
    clientAddress: createClientAddress([]),
    draining: never,
    streamsEnd: never,
    logger,
    metrics,
  });
}

const server = createHttpServer({
  host: HOST,
  port: 0,
  cors: createCors('any'),
  routes: process.argv[3] === 'whole' ? wholeHandlers() : bareHandlers(),
  logger,
});
await server.start();
const { port } = server.address();
process.stdout.write(
  delimited(toBinary(protocol.serverResponse, create(protocol.serverResponse, { host: HOST, port }))),
);
await once(process, 'SIGTERM');
await server.stop();

/** The first message of a stream; what comes after it is nobody's. */
async function readMessage(stream: NodeJS.ReadStream): Promise<Uint8Array> {
  let read = Buffer.alloc(0);
  for await (const chunk of stream) {
    read = Buffer.concat([read, chunk]);
    if (read.length >= 4 && read.length >= 4 + read.readUInt32BE()) {
      return read.subarray(4, 4 + read.readUInt32BE());
    }
  }
  throw new Error('standard input ended before the message did');
}

function delimited(message: Uint8Array): Uint8Array {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  return Buffer.concat([length, message]);
}
