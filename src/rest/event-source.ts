import type { JsonObject } from '@bufbuild/protobuf';
import type { UniversalHandler } from '@connectrpc/connect/protocol';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import { StreamMessagesRequestSchema } from '../gen/services/chat/v1/types_pb.ts';
import type { StreamSink } from '../rpc/stream-sink.ts';
import { write } from '../rpc/stream-writer.ts';
import type { HttpResponse } from '../server/exchange.ts';
import type { DeliveredEvent } from '../streams/streams.ts';
import { answerError } from './envelope.ts';
import { readQuery } from './request-message.ts';
import { callStream } from './stream-call.ts';
import type { RestRequest } from './unary.ts';
import { type ClientIdCookie, introduce } from './universal-call.ts';

/** Milliseconds that a browser waits before it comes back. */
const RETRY_MS = 2_000;
const NEVER = new AbortController().signal;

/**
 * The event stream as Server-Sent Events: `id` is the cursor, `data` the event in JSON. `Last-Event-ID` wins over the query's cursor: a browser
 * that comes back repeats the query that it was given. What refuses the stream is an envelope; what ends it later is an `error` event.
 */
export async function serveEventSource(
  { request, response, query }: RestRequest,
  handler: UniversalHandler,
  cookie: ClientIdCookie,
): Promise<void> {
  introduce(request, response, cookie);
  const lastEventId = request.headers['last-event-id']?.toString();
  const error = await callStream({ request, response }, handler, sinkInto(response), {
    body: async () => {
      const order: JsonObject = {};
      readQuery(order, StreamMessagesRequestSchema, query);
      if (lastEventId) order.cursor = lastEventId;
      return Buffer.from(JSON.stringify(order));
    },
  });
  if (response.destroyed) return;
  if (!response.headersSent) {
    // Nothing came, and nothing ended it: the client is about to be gone.
    if (error === undefined) response.destroy();
    else await answerError(request, response, error);
    return;
  }
  if (error === undefined) response.end();
  else {
    const data = JSON.stringify({ code: codeToString(error.code), message: error.rawMessage });
    response.end(`event: error\ndata: ${data}\n\n`);
  }
}

/** Each batch in one piece, as RPCs have it; a client that does not read is given up in the same way. */
function sinkInto(response: HttpResponse): StreamSink {
  return {
    limit: 'opened_streams',
    enough: NEVER,
    async take(batch, signal) {
      const events = batch.flatMap(lines);
      if (!response.headersSent) {
        response.statusCode = 200;
        response.setHeader('content-type', 'text/event-stream; charset=utf-8');
        response.setHeader('cache-control', 'no-cache');
        // Else nginx would keep events to itself.
        response.setHeader('x-accel-buffering', 'no');
        events.unshift(Buffer.from(`retry: ${RETRY_MS}\n\n`));
      }
      await write(response, Buffer.concat(events), signal);
    },
  };
}

/** JSON has no line breaks outside of texts, and inside it escapes them; a cursor has none. */
function lines({ event, json }: DeliveredEvent): Uint8Array[] {
  const id = event.cursor === '' ? '' : `id: ${event.cursor}\n`;
  return [Buffer.from(`${id}data: `), json, Buffer.from('\n\n')];
}
