import * as http from 'node:http';
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { HttpHandler, HttpRequest, HttpResponse } from './exchange.ts';

/** The subprotocol that is spoken; nothing else that a client offers is ever named in an answer. */
const SUBPROTOCOL = 'chat.v1';

/** A connection that only the service speaks on: a message of the client closes it (1003), as does what is too large (1009) or broken. */
export interface WebSocketConnection {
  /** What the frames go into; full when it needs to drain. It closes with the connection. */
  readonly wire: Writable;
  /** Writes a text frame for each, in one piece; false when the connection is closing, and nothing was written. */
  send(texts: readonly Uint8Array[]): boolean;
  /** Says why it ends, in at most 123 bytes; without effect when it is closing already. */
  close(code: number, reason: string): void;
}

/** Nobody has anything to say. */
const MAX_PAYLOAD = 1_024;
/** How long a client may take to answer a closing, and to read what is on its way; after that it is cut off. The types of `ws` don't have it yet. */
const CLOSING = { closeTimeout: 3_000 };
const TOKEN = /^[!#$%&'*+\-.^_`|~\w]+$/;

/** What came behind the handshakes that may still be accepted. */
const offers = new WeakMap<HttpRequest, Buffer>();

const acceptor = new WebSocketServer({
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  maxPayload: MAX_PAYLOAD,
  autoPong: false,
  ...CLOSING,
  handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
});
acceptor.on('headers', (lines, { headers }) => {
  lines.push(`x-request-id: ${headers['x-request-id']}`);
});

/** Whether a request opens a WebSocket, completely and by the rules; any other is an ordinary request, whatever upgrade it offers. */
export function opensWebSocket({ method, httpVersion, headers }: http.IncomingMessage): boolean {
  const protocols = subprotocolsOf(headers);
  return (
    method === 'GET' &&
    httpVersion === '1.1' &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    headers['sec-websocket-version'] === '13' &&
    /^[+/0-9A-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? '') &&
    protocols.every((protocol) => TOKEN.test(protocol)) &&
    new Set(protocols).size === protocols.length
  );
}

/** The subprotocols that a client offers. */
export function subprotocolsOf(headers: HttpRequest['headers']): string[] {
  const list = headers['sec-websocket-protocol'];
  return list === undefined
    ? []
    : list
        .toString()
        .split(',')
        .map((protocol) => protocol.trim());
}

/**
 * Serves the requests that Node hands over as upgrades like any other: the handler may answer, after which the connection ends,
 * or make it a WebSocket by {@link acceptWebSocket}.
 */
export function serveUpgrades(server: http.Server, handle: HttpHandler): void {
  server.on('upgrade', (request, _, head) => {
    const { socket } = request;
    // Node listens no more. Its end follows an error anyway.
    socket.on('error', () => {}).once('timeout', () => socket.destroy());
    const response = new http.ServerResponse(request);
    try {
      response.assignSocket(socket);
    } catch {
      // Asked for behind a request that is still being answered: no client that knows what it does.
      socket.destroy();
      return;
    }
    response.setHeader('connection', 'close');
    response.once('finish', () => socket.destroySoon());
    offers.set(request, head);
    handle(request, response);
  });
}

/** Whether the handler of a request may accept it as a WebSocket. */
export function isOffered(request: HttpRequest): boolean {
  return offers.has(request);
}

/**
 * Makes a WebSocket of the request, instead of an answer. The response closes when the connection does, so that whoever waits for the one is told of the
 * other. Undefined when the client has left.
 */
export function acceptWebSocket(
  request: HttpRequest,
  response: HttpResponse,
): WebSocketConnection | undefined {
  const head = offers.get(request);
  if (head === undefined || !(request instanceof http.IncomingMessage) || !('detachSocket' in response))
    return undefined;
  const { socket } = request;
  if (response.destroyed || socket.destroyed) return undefined;
  offers.delete(request);
  response.detachSocket(socket);
  socket.once('close', () => response.emit('close'));
  let connection: WebSocketConnection | undefined;
  acceptor.handleUpgrade(request, socket, head, (opened) => {
    connection = connectionOf(opened, socket);
  });
  return connection;
}

function connectionOf(opened: WebSocket, socket: Socket): WebSocketConnection {
  // Broken frames are answered by `ws`, which then closes.
  opened.on('error', () => {});
  opened.on('message', () => opened.close(1003, 'unsupported_data'));
  // Of a client that sends pings and reads nothing the answers would pile up.
  opened.on('ping', (data) => {
    if (!socket.writableNeedDrain) opened.pong(data);
  });
  return {
    wire: socket,
    send(texts) {
      if (opened.readyState !== opened.OPEN) return false;
      socket.cork();
      for (const text of texts) opened.send(text, { binary: false });
      socket.uncork();
      return true;
    },
    close: (code, reason) => opened.close(code, reason),
  };
}
