import { randomUUID } from 'node:crypto';
import * as http from 'node:http';
import * as http2 from 'node:http2';
import type { Service } from '../lifecycle.ts';
import type { Logger } from '../logger.ts';
import type { Cors } from './cors.ts';
import { answerJson, answerText, type HttpHandler, type HttpRequest, type HttpResponse } from './exchange.ts';
import { pingSessions } from './http2-peers.ts';
import { createMux } from './mux.ts';
import { opensWebSocket, serveUpgrades } from './web-socket.ts';

/** One cleartext port for HTTP/1.1 and h2c. */
export interface HttpServer extends Service {
  /** Where it listens; throws before it does. */
  address(): ListenAddress;
}

/** The bound address; `url` can be opened from the same machine. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  readonly url: string;
}

export interface HttpServerOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly cors: Cors;
  /** Handlers by exact path. */
  readonly routes: ReadonlyMap<string, HttpHandler>;
  /** Asked for the handler of any other path; where there is none it is 404. */
  readonly find?: (path: string) => HttpHandler | undefined;
  /** Whose handler may make a WebSocket of its request. */
  readonly webSocketPath?: string;
  readonly logger: Logger;
  readonly limits?: Partial<ServerLimits>;
}

/** Times in milliseconds. */
export interface ServerLimits {
  /** From connecting to the first bytes that tell the protocol. */
  readonly firstBytesTimeoutMs: number;
  /** HTTP/1.1: from the first byte of a request to the end of its headers. */
  readonly headersTimeoutMs: number;
  /** To the end of a request's body, both protocols. */
  readonly requestTimeoutMs: number;
  /** HTTP/1.1: between requests of a connection; longer than a usual balancer's 60 s. */
  readonly keepAliveTimeoutMs: number;
  /** HTTP/1.1: without a byte in either direction while a response runs; more than two heartbeats of a stream. */
  readonly idleTimeoutMs: number;
  /** HTTP/2: pause between pings, and how long an answer may take. */
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
  readonly maxConnections: number;
}

/** Connections that a server takes at a time, unless it is told otherwise. */
export const MAX_CONNECTIONS = 50_000;
const DEFAULT_LIMITS: ServerLimits = {
  firstBytesTimeoutMs: 10_000,
  headersTimeoutMs: 15_000,
  requestTimeoutMs: 60_000,
  keepAliveTimeoutMs: 65_000,
  idleTimeoutMs: 90_000,
  pingIntervalMs: 20_000,
  pingTimeoutMs: 20_000,
  maxConnections: MAX_CONNECTIONS,
};
const SWEEP_MS = 1_000;
const MAX_STREAMS_PER_CONNECTION = 1_000;
/** Megabytes that a connection may hold; Node's own 10 refuse streams long before there are so many. */
const MAX_SESSION_MEMORY = 32;
const STOP_MS = 5_000;
/** `/package.Service/Method`. */
const RPC_PATH = /^\/\w+(\.\w+)+\/\w+$/;

/**
 * Serves the routes on one port: request ids, security headers, CORS, limits against slow and dead peers, graceful stop.
 * An `Upgrade` that opens no WebSocket where there is one (curl and Java offer h2c) is ignored and the request served as plain HTTP/1.1.
 */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  let closing = false;
  const handle = (request: HttpRequest, response: HttpResponse): void => {
    if (closing && request.httpVersionMajor === 1) response.setHeader('connection', 'close');
    leaveNothingUnread(request, response);
    serve(options, request, response);
  };
  const mux = createMux({ ...createServers(handle, limits, options), ...limits });
  let address: ListenAddress | undefined;
  let stopped: Promise<void> | undefined;

  return {
    address() {
      if (address === undefined) throw new Error('the server does not listen yet');
      return address;
    },
    async start() {
      const bound = await mux.listen(options.port, options.host).catch((error: unknown) => {
        throw new Error(`can't listen on ${options.host}:${options.port}: ${listenProblem(error)}`, {
          cause: error,
        });
      });
      address = { host: options.host, port: bound.port, url: urlOf(options.host, bound.port) };
    },
    async stop(deadline = AbortSignal.timeout(STOP_MS)) {
      closing = true;
      stopped ??= mux.close(deadline);
      await stopped;
    },
  };
}

function createServers(
  handle: HttpHandler,
  limits: ServerLimits,
  { webSocketPath, logger }: HttpServerOptions,
) {
  const http1 = http.createServer(
    {
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: Math.min(SWEEP_MS, limits.headersTimeoutMs),
      shouldUpgradeCallback: (request) => pathOf(request) === webSocketPath && opensWebSocket(request),
    },
    handle,
  );
  serveUpgrades(http1, handle);
  http1.timeout = limits.idleTimeoutMs;
  const h2 = http2.createServer(
    {
      settings: { maxConcurrentStreams: MAX_STREAMS_PER_CONNECTION },
      maxSessionMemory: MAX_SESSION_MEMORY,
    },
    (request, response) => {
      limitBodyTime(request, limits.requestTimeoutMs);
      handle(request, response);
    },
  );
  h2.on('sessionError', (error) => logger.debug({ err: error }, 'http2 session failed'));
  pingSessions(h2, limits.pingIntervalMs, limits.pingTimeoutMs);
  return { http1, http2: h2 };
}

/**
 * An answer may be complete before its request is, when that is refused half way, and whoever answered reads no further. What is left is
 * thrown away, as long as the limit of time allows: over HTTP/1.1 it would hide the next request of the connection, and over
 * HTTP/2 the client would wait for room to send it.
 */
function leaveNothingUnread(request: HttpRequest, response: HttpResponse): void {
  // The response of HTTP/2 tells of its end only when the request has ended, too.
  const answer = 'stream' in response ? response.stream : response;
  answer.once('finish', () => request.removeAllListeners('readable').resume());
}

/** What HTTP/1.1 has as requestTimeout: ends a request whose body doesn't arrive. */
function limitBodyTime(request: http2.Http2ServerRequest, timeoutMs: number): void {
  const { stream } = request;
  if (stream.endAfterHeaders) return;
  const timer = setTimeout(() => stream.close(http2.constants.NGHTTP2_CANCEL), timeoutMs);
  const clear = (): void => clearTimeout(timer);
  stream.once('end', clear);
  stream.once('close', clear);
}

function serve(options: HttpServerOptions, request: HttpRequest, response: HttpResponse): void {
  const requestId = requestIdOf(request.headers['x-request-id']);
  // Handlers read the id where a client would have put it.
  request.headers['x-request-id'] = requestId;
  response.setHeader('x-request-id', requestId);
  response.setHeader('x-content-type-options', 'nosniff');
  if (options.cors(request, response)) return;
  const path = pathOf(request);
  const route = options.routes.get(path) ?? options.find?.(path);
  if (route === undefined) {
    answerUnknown(request, response, path);
  } else if (isGrpcOverHttp1(request)) {
    // gRPC needs trailers, which most HTTP/1.1 peers drop: an answer would look like success.
    response.setHeader('connection', 'close');
    answerText(request, response, 505, 'gRPC needs HTTP/2');
  } else {
    route(request, response);
  }
}

function pathOf({ url = '' }: HttpRequest): string {
  return url.split('?', 1)[0] ?? '';
}

/** There is nothing there; where an RPC would be, its clients shall not take that for the `not_found` of one that is. */
function answerUnknown(request: HttpRequest, response: HttpResponse, path: string): void {
  // Clients of gRPC know what the status means, and take JSON for a broken answer.
  if (request.headers['content-type']?.startsWith('application/grpc')) {
    answerText(request, response, 404, 'there is no such RPC');
    return;
  }
  const code = RPC_PATH.test(path) ? 'unimplemented' : 'not_found';
  answerJson(request, response, 404, { code, message: code });
}

function isGrpcOverHttp1(request: HttpRequest): boolean {
  const type = request.headers['content-type'] ?? '';
  return (
    request.httpVersionMajor === 1 &&
    type.startsWith('application/grpc') &&
    !type.startsWith('application/grpc-web')
  );
}

/** The client's own id when it is short and plain, else a new one. */
function requestIdOf(given: string | readonly string[] | undefined): string {
  return typeof given === 'string' && /^[A-Za-z0-9._:-]{1,64}$/.test(given) ? given : randomUUID();
}

function urlOf(host: string, port: number): string {
  const local = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${local.includes(':') ? `[${local}]` : local}:${port}`;
}

function listenProblem(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') return 'the port is in use';
  if (code === 'EACCES') return 'not permitted';
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return 'the host is not an address of this machine';
  return String(code ?? error);
}
