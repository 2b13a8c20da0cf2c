import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createConnectRouter,
  createContextValues,
} from '@connectrpc/connect';
import {
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from '@connectrpc/connect-node';
import type { Limits } from '../limits/limits.ts';
import type { Logger } from '../logger.ts';
import { traceCalls } from './call-span.ts';
import { peerKey } from './context.ts';
import { type CallsDeps, createCallsInterceptor } from './interceptors/calls.ts';
import { createGate, type GateDeps } from './interceptors/gate.ts';
import { createLimitsInterceptor, type LimitsDeps } from './interceptors/limits.ts';
import { responseKey } from './stream-writer.ts';

/** What the adapter needs. */
export interface AdapterDeps extends GateDeps, CallsDeps, LimitsDeps {
  readonly limits: Limits;
  /** Registers every service. */
  readonly routes: (router: ConnectRouter) => void;
  /** Of one request message, after decompression. */
  readonly maxRequestBytes: number;
}

/** Serves one request of a known procedure path. */
export type RpcHandler = (
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
) => void;

/**
 * The RPCs by procedure path, each speaking Connect, gRPC and gRPC-Web in binary and JSON, with gzip.
 * Built on the router and not on connect-node's own adapter: that one prints every lost client to the console, and a request
 * whose authority is no URL (an odd Host header) makes it throw where nobody catches.
 */
export function createRpcHandlers(
  deps: AdapterDeps,
  router: ConnectRouter = createRpcRouter(deps),
): ReadonlyMap<string, RpcHandler> {
  const handlers = serveRouter(router, deps.logger);
  return deps.tracing === undefined ? handlers : traceCalls(deps.tracing, handlers);
}

/** Every RPC behind the gate and the interceptors: what all doors of the service lead to. */
export function createRpcRouter(deps: AdapterDeps): ConnectRouter {
  const router = createConnectRouter({
    ...wireOptions(deps.maxRequestBytes),
    requestGate: createGate(deps),
    interceptors: [createCallsInterceptor(deps), createLimitsInterceptor(deps)],
  });
  deps.routes(router);
  return router;
}

/** How the calls of every client are read and written. */
export function wireOptions(maxRequestBytes: number) {
  return {
    // Brotli is left out: Node's default quality costs milliseconds a kilobyte.
    acceptCompression: [compressionGzip],
    readMaxBytes: maxRequestBytes,
    jsonOptions: { alwaysEmitImplicit: true, ignoreUnknownFields: true },
  };
}

/** The procedures of a router by path. What can't be answered is logged, never thrown. */
export function serveRouter(router: ConnectRouter, logger: Logger): ReadonlyMap<string, RpcHandler> {
  return new Map(
    router.handlers.map((handler) => {
      const serve: RpcHandler = (request, response) => {
        run(handler, request, response).catch((error: unknown) => giveUp(error, response, logger));
      };
      return [handler.requestPath, serve];
    }),
  );
}

async function run(
  handler: ConnectRouter['handlers'][number],
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
): Promise<void> {
  const values = createContextValues();
  values.set(peerKey, request.socket.remoteAddress ?? '');
  if (handler.method.methodKind === 'server_streaming') values.set(responseKey, response);
  const universal = universalRequestFromNodeRequest(request, response, undefined, values);
  // What is left of a request that is refused half way stays readable, for the server to throw away.
  const body = request.iterator({ destroyOnReturn: false });
  await universalResponseToNodeResponse(await handler({ ...universal, body }), response);
}

/** For when no answer could be made or written: usually the client is gone. */
export function giveUp(error: unknown, response: ServerResponse | Http2ServerResponse, logger: Logger): void {
  const isGone = ConnectError.from(error).code === Code.Aborted || response.destroyed;
  if (!isGone) logger.warn({ err: error }, 'request could not be answered');
  if (response.headersSent || response.destroyed) response.destroy();
  else {
    response.statusCode = 400;
    response.end();
  }
}
