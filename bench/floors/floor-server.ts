/**
 * A process of its own with the bare things that the service is compared with:
 * connect-node answering at once, and streams that get ready-made bytes.
 * Tells its parent where it listens, then does what the parent asks.
 */
import { once } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import http2, { type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { create, fromBinary } from '@bufbuild/protobuf';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { ChatService } from '../../src/gen/services/chat/v1/service_pb.ts';
import {
  GetMessageHistoryResponseSchema,
  GetRoomsResponseSchema,
  SendMessageResponseSchema,
} from '../../src/gen/services/chat/v1/types_pb.ts';
import { type FloorCommand, type FloorReady, STREAM_PATH } from './floor-protocol.ts';

type AnyResponse = ServerResponse | Http2ServerResponse;

const streams = new Set<AnyResponse>();
const sent = create(SendMessageResponseSchema, { success: true });
let rooms = create(GetRoomsResponseSchema);
let history = create(GetMessageHistoryResponseSchema);

const rpc = connectNodeAdapter({
  routes: (router) => {
    router.service(ChatService, {
      sendMessage: () => sent,
      getRooms: () => rooms,
      getMessageHistory: () => history,
    });
  },
});

function handle(request: IncomingMessage | Http2ServerRequest, response: AnyResponse): void {
  if (request.url !== STREAM_PATH) {
    rpc(request, response);
    return;
  }
  response.statusCode = 200;
  response.setHeader('content-type', 'application/connect+proto');
  // The first envelope tells the client that the stream is open, as `connected` does.
  write(response, Buffer.alloc(5));
  streams.add(response);
  response.on('close', () => streams.delete(response));
}

function write(response: AnyResponse, bytes: Uint8Array): void {
  if (response instanceof http.ServerResponse) response.write(bytes);
  else response.write(bytes);
}

async function obey(command: FloorCommand): Promise<void> {
  if (command.kind === 'answers') {
    rooms = fromBinary(GetRoomsResponseSchema, Buffer.from(command.rooms, 'base64'));
    history = fromBinary(GetMessageHistoryResponseSchema, Buffer.from(command.history, 'base64'));
    return;
  }
  const bytes = Buffer.from(command.envelope, 'base64');
  for (let time = 0; time < command.times; time += 1) {
    for (const response of streams) write(response, bytes);
    await nextTurn();
  }
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1', 4096);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

process.on('message', (command: FloorCommand) => void obey(command));
const http1 = await listen(http.createServer(handle));
process.send?.({
  http1,
  http2: await listen(http2.createServer(handle)),
} satisfies FloorReady);
