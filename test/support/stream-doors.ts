import { on, once } from 'node:events';
import http2 from 'node:http2';
import { text as textOf } from 'node:stream/consumers';
import { fromJson, fromJsonString, type JsonValue } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { WebSocket } from 'ws';
import { ChatService } from '../../src/gen/services/chat/v1/service_pb.ts';
import { type MessageEvent, MessageEventSchema } from '../../src/gen/services/chat/v1/types_pb.ts';
import { type Protocol, transportOf } from './app.ts';

/** Who reads, and from which instance. */
export interface DoorCaller {
  readonly url: string;
  readonly token: string;
  readonly clientId: string;
}

/** What a reader wants. */
export interface DoorOrder {
  readonly cursor?: string;
  readonly roomId?: string;
}

/** One way to read the event stream. */
export interface StreamDoor {
  readonly name: string;
  /** The service holds events for a reader that takes none; else it does not know him meanwhile. */
  readonly isHeld: boolean;
  /** Of a reader that takes none the system itself holds megabytes, before the service feels it; with HTTP/2 it is one window. */
  readonly isFeltLate?: boolean;
  /** Reads on as events are asked for, until `signal` aborts. Throws a ConnectError with the text of what ended it. */
  open(caller: DoorCaller, order: DoorOrder, signal: AbortSignal): AsyncIterable<MessageEvent>;
}

/** All of them. */
export const STREAM_DOORS: readonly StreamDoor[] = [
  rpcDoor('Connect', 'connect-2'),
  rpcDoor('gRPC', 'grpc'),
  rpcDoor('gRPC-Web', 'grpc-web-2'),
  { name: 'Server-Sent Events', isHeld: true, open: eventSource },
  { name: 'WebSocket', isHeld: true, isFeltLate: true, open: webSocket },
  { name: 'long poll', isHeld: false, open: longPoll },
];

function rpcDoor(name: string, protocol: Protocol): StreamDoor {
  return {
    name,
    isHeld: true,
    open({ url, token, clientId }, order, signal) {
      const headers = { authorization: `Bearer ${token}`, 'x-client-id': clientId };
      const client = createClient(ChatService, transportOf(url, protocol, headers));
      return client.streamMessages(order, { signal });
    },
  };
}

/** As browsers do it: the cursor comes back as `Last-Event-ID`. Over HTTP/2, where a reader that stops is felt soon. */
async function* eventSource(
  { url, token, clientId }: DoorCaller,
  { cursor, roomId }: DoorOrder,
  signal: AbortSignal,
): AsyncGenerator<MessageEvent> {
  const session = http2.connect(url);
  session.on('error', () => undefined);
  const stream = session.request({
    ':path': `/api/chat/v1/stream${roomId === undefined ? '' : `?room_id=${roomId}`}`,
    authorization: `Bearer ${token}`,
    'x-client-id': clientId,
    ...(cursor === undefined ? {} : { 'last-event-id': cursor }),
  });
  const abort = (): void => stream.close();
  signal.addEventListener('abort', abort);
  try {
    const [headers]: { ':status'?: number }[] = await once(stream, 'response', { signal });
    let text = '';
    for await (const chunk of stream.setEncoding('utf8')) {
      text += chunk;
      if (headers?.[':status'] !== 200) continue;
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) yield* told(block);
    }
    if (headers?.[':status'] !== 200) throw refused(JSON.parse(text));
  } finally {
    signal.removeEventListener('abort', abort);
    session.close();
  }
}

/** What a block of an event stream tells; a hint about reconnecting is nothing. */
function told(block: string): MessageEvent[] {
  const fields = new Map(
    block.split('\n').map((line): [string, string] => {
      const at = line.indexOf(': ');
      return [line.slice(0, at), line.slice(at + 2)];
    }),
  );
  const data = fields.get('data');
  if (data === undefined) return [];
  if (fields.get('event') === 'error') throw refused(JSON.parse(data));
  const event = fromJsonString(MessageEventSchema, data);
  // A browser would come back with another cursor than the event has.
  if ((fields.get('id') ?? '') !== event.cursor) throw new Error('id and cursor differ');
  return [event];
}

/** As pages do it, that can set no headers: the token is a subprotocol, the client id in the query. */
async function* webSocket(
  { url, token, clientId }: DoorCaller,
  order: DoorOrder,
  signal: AbortSignal,
): AsyncGenerator<MessageEvent> {
  const query = new URLSearchParams({
    ...(clientId === '' ? {} : { client_id: clientId }),
    ...(order.cursor === undefined ? {} : { cursor: order.cursor }),
    ...(order.roomId === undefined ? {} : { room_id: order.roomId }),
  });
  const socket = new WebSocket(`${url}/api/chat/v1/ws?${query}`, ['chat.v1', `bearer.${token}`]);
  const end = { message: '' };
  socket.once('close', (_, reason) => {
    end.message = reason.toString();
  });
  socket.once('unexpected-response', async (_, response) => {
    socket.emit('error', refused(JSON.parse(await textOf(response))));
  });
  try {
    // Takes nothing from the connection while nobody asks.
    const frames = on(socket, 'message', { signal, close: ['close'], highWaterMark: 1, lowWaterMark: 1 });
    for await (const [frame] of frames) yield fromJsonString(MessageEventSchema, String(frame));
    throw refused(end);
  } finally {
    socket.on('error', () => undefined);
    socket.terminate();
  }
}

/** The first poll asks what is there, the next ones wait. Heartbeats are told like a stream's: the first one. */
async function* longPoll(
  { url, token, clientId }: DoorCaller,
  order: DoorOrder,
  signal: AbortSignal,
): AsyncGenerator<MessageEvent> {
  let { cursor } = order;
  let isConnected = false;
  while (!signal.aborted) {
    const answer = await fetch(`${url}/api/chat/v1/poll`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'x-client-id': clientId,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ ...order, cursor, waitMs: isConnected ? 30_000 : 0 }),
      signal,
    });
    const envelope: Envelope = JSON.parse(await answer.text());
    if (envelope.data === undefined) throw refused(envelope);
    for (const json of envelope.data.events) {
      const event = fromJson(MessageEventSchema, json);
      const isHeartbeat = event.event.case === 'connected';
      if (!isHeartbeat || !isConnected) yield event;
      isConnected ||= isHeartbeat;
    }
    ({ cursor } = envelope.data);
  }
}

interface Envelope {
  readonly message: string;
  readonly data?: { readonly events: readonly JsonValue[]; readonly cursor: string };
}

function refused({ message }: { readonly message: string }): ConnectError {
  return new ConnectError(message, Code.Unknown);
}
