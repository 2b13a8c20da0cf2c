import { type ConnectError, createContextValues } from '@connectrpc/connect';
import { encodeEnvelope, type UniversalHandler } from '@connectrpc/connect/protocol';
import { endStreamFromJson } from '@connectrpc/connect/protocol-connect';
import { type StreamSink, sinkKey } from '../rpc/stream-sink.ts';
import type { HttpRequest, HttpResponse } from '../server/exchange.ts';
import { bodyOf, universalCall } from './universal-call.ts';

const HEADER_BYTES = 5;

/**
 * Calls StreamMessages for a client that speaks none of its protocols: the events go to the sink. Resolves when the stream has ended: with
 * what ended it, or undefined when the sink or the client did.
 */
export async function callStream(
  exchange: { readonly request: HttpRequest; readonly response: HttpResponse },
  handler: UniversalHandler,
  sink: StreamSink,
  call: {
    readonly body: () => Promise<Uint8Array>;
    /** In place of the request's own. */
    readonly headers?: Readonly<Record<string, string>>;
    /** After which the call fails, whatever the client said about it. */
    readonly timeoutMs?: number;
  },
): Promise<ConnectError | undefined> {
  const values = createContextValues();
  values.set(sinkKey, sink);
  const { timeoutMs } = call;
  const answer = await handler(
    universalCall(exchange, {
      contentType: 'application/connect+json',
      headers: {
        ...call.headers,
        ...(timeoutMs === undefined ? {} : { 'connect-timeout-ms': String(timeoutMs) }),
      },
      body: async () => encodeEnvelope(0, await call.body()),
      values,
    }),
  );
  // Since the events are in the sink, all that is left is the end: one envelope.
  const bytes = await bodyOf(answer);
  return endStreamFromJson(bytes.subarray(HEADER_BYTES)).error;
}
