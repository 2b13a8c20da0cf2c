import type { JsonObject } from '@bufbuild/protobuf';
import { Code, type ConnectError } from '@connectrpc/connect';
import type { UniversalHandler } from '@connectrpc/connect/protocol';
import { safeClientId } from '../auth/client-params.ts';
import { StreamMessagesRequestSchema } from '../gen/services/chat/v1/types_pb.ts';
import type { StreamSink } from '../rpc/stream-sink.ts';
import { drained } from '../rpc/stream-writer.ts';
import type { HttpRequest, HttpResponse } from '../server/exchange.ts';
import {
  acceptWebSocket,
  isOffered,
  subprotocolsOf,
  type WebSocketConnection,
} from '../server/web-socket.ts';
import type { DeliveredEvent } from '../streams/streams.ts';
import { answerError, answerRefusal } from './envelope.ts';
import { readQuery } from './request-message.ts';
import { callStream } from './stream-call.ts';
import type { RestRequest } from './unary.ts';
import { type ClientIdCookie, introduce, isForeignPage } from './universal-call.ts';

/** A subprotocol that is none: browsers let a page say nothing else about itself. */
const BEARER = 'bearer.';

/**
 * The event stream as a WebSocket: each event is a text frame in JSON. What refuses the stream is an envelope, in place of the handshake's answer; what ends it
 * later is the code and the reason of the closing.
 */
export async function serveWebSocket(
  { request, response, query }: RestRequest,
  handler: UniversalHandler,
  cookie: ClientIdCookie,
): Promise<void> {
  if (!isOffered(request)) return await answerPlain(request, response);
  const headers = introduced(request, query);
  // Browsers let every page open a WebSocket anywhere, with the user's cookies, and read it.
  if (headers.authorization === undefined && isForeignPage(request, response)) {
    return await answerRefusal(request, response, 403);
  }
  if (headers['x-client-id'] === undefined) introduce(request, response, cookie);
  const sink = new WebSocketSink(request, response);
  try {
    const error = await callStream({ request, response }, handler, sink, {
      headers,
      body: () => Promise.resolve(orderIn(query)),
    });
    if (sink.connection !== undefined) {
      if (error !== undefined) sink.connection.close(closeCodeOf(error), error.rawMessage);
    } else if (error !== undefined) await answerError(request, response, error);
    // Nothing came, and nothing ended it: the client is about to be gone.
    else response.destroy();
  } finally {
    sink.connection?.close(1011, 'internal_server_error');
  }
}

/** Somebody who does not ask for it by the rules: what he has to ask for. HTTP/2 has no such headers. */
async function answerPlain(request: HttpRequest, response: HttpResponse): Promise<void> {
  if (request.httpVersionMajor === 1) {
    response.setHeader('connection', 'upgrade');
    response.setHeader('upgrade', 'websocket');
  }
  response.setHeader('sec-websocket-version', '13');
  await answerRefusal(request, response, 426);
}

/** The headers that say who the client is, wherever it could say so. */
function introduced({ headers }: HttpRequest, query: string): Readonly<Record<string, string>> {
  const bearer = subprotocolsOf(headers).find((protocol) => protocol.startsWith(BEARER));
  const authorization =
    headers.authorization ?? (bearer === undefined ? undefined : `Bearer ${bearer.slice(BEARER.length)}`);
  const clientId = headers['x-client-id']?.toString() ?? clientIdIn(query);
  return {
    ...(authorization === undefined ? {} : { authorization }),
    ...(clientId === undefined ? {} : { 'x-client-id': clientId }),
  };
}

/** As a header could carry it. What of the query can't be read is the call's to refuse. */
function clientIdIn(query: string): string | undefined {
  const id = new URLSearchParams(query).get('client_id') ?? '';
  return id === '' ? undefined : safeClientId(id);
}

function orderIn(query: string): Uint8Array {
  const order: JsonObject = {};
  readQuery(order, StreamMessagesRequestSchema, query);
  return Buffer.from(JSON.stringify(order));
}

/** By the reason that the stream ends for; docs/rest.md has them in a table. */
function closeCodeOf({ code, rawMessage }: ConnectError): number {
  if (rawMessage === 'shutting_down') return 1001;
  if (code === Code.Unavailable || code === Code.ResourceExhausted) return 1013;
  if (code === Code.Unauthenticated || code === Code.PermissionDenied || code === Code.Aborted) return 1008;
  return 1011;
}

/** Opens the connection with the first batch; a client that does not read is given up as others are. */
class WebSocketSink implements StreamSink {
  readonly limit = 'opened_streams';
  connection: WebSocketConnection | undefined;
  readonly #enough = new AbortController();
  readonly #request: HttpRequest;
  readonly #response: HttpResponse;

  constructor(request: HttpRequest, response: HttpResponse) {
    this.#request = request;
    this.#response = response;
  }

  get enough(): AbortSignal {
    return this.#enough.signal;
  }

  async take(batch: readonly DeliveredEvent[], signal: AbortSignal): Promise<void> {
    this.connection ??= acceptWebSocket(this.#request, this.#response);
    const { connection } = this;
    if (connection?.send(batch.map(({ json }) => json)) !== true) this.#enough.abort();
    else if (connection.wire.writableNeedDrain) await drained(connection.wire, signal);
  }
}
