import type { ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import type { Writable } from 'node:stream';
import { createContextKey } from '@connectrpc/connect';
import { ChatError } from '../chat/errors.ts';
import type { DeliveredEvent } from '../streams/streams.ts';

/*
 * The framework serialises, frames and writes every message of a server stream by itself: a chain of generators and a write for each,
 * which costs several times the write. Here the events of a batch, encoded once for all streams, are framed and written in one piece,
 * directly into the response.
 *
 * Invariants:
 * - The framework writes the head of the response and the first events, and the end (an error, trailers): in between it waits for the
 *   generator that writes here, so the two never write at once.
 * - Connect, gRPC and gRPC-Web frame a message alike: a byte of flags (0: not compressed, also where compression was agreed), four bytes
 *   of length, the message. Only the codec differs.
 * - A client that takes nothing for STALL_MS is given up, so that it can't hold the stream for ever.
 */

/** How long a client may leave the response's buffer full. */
const STALL_MS = 30_000;
const HEADER_BYTES = 5;

/** The response of a running stream; undefined when there is no HTTP behind the call. */
export const responseKey = createContextKey<ServerResponse | Http2ServerResponse | undefined>(undefined, {
  description: 'response of a stream',
});

/** The codec of a streaming call, by its content type. */
export function codecOf(contentType: string | null): 'binary' | 'json' {
  return contentType?.includes('json') === true ? 'json' : 'binary';
}

/** The events as messages of a stream: framed one after the other in one piece. */
export function frame(
  events: readonly Pick<DeliveredEvent, 'binary' | 'json'>[],
  codec: 'binary' | 'json',
): Uint8Array {
  const messages = events.map((event) => event[codec]);
  const framed = Buffer.allocUnsafe(
    messages.reduce((bytes, { byteLength }) => bytes + HEADER_BYTES + byteLength, 0),
  );
  let offset = 0;
  for (const message of messages) {
    framed[offset] = 0;
    framed.writeUInt32BE(message.byteLength, offset + 1);
    framed.set(message, offset + HEADER_BYTES);
    offset += HEADER_BYTES + message.byteLength;
  }
  return framed;
}

/**
 * Writes; resolves when the response can take more, or when `signal` aborts.
 * Throws `stream_overflow`, and cuts the connection, when the client takes nothing for too long.
 */
export async function write(
  response: ServerResponse | Http2ServerResponse,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  // The two kinds of response declare the same write differently.
  const flushed = 'stream' in response ? response.write(bytes) : response.write(bytes);
  if (!flushed) await drained(response, signal);
}

/** The second half of {@link write}: after a write into whatever leads to the client, when that is full. */
export async function drained(target: Writable, signal: AbortSignal): Promise<void> {
  if (signal.aborted || target.destroyed) return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const goOn = (): void => resolve();
  const stalled = setTimeout(() => {
    reject(new ChatError('stream_overflow'));
    target.destroy();
  }, STALL_MS);
  target.once('drain', goOn);
  target.once('close', goOn);
  signal.addEventListener('abort', goOn);
  try {
    await promise;
  } finally {
    clearTimeout(stalled);
    target.off('drain', goOn);
    target.off('close', goOn);
    signal.removeEventListener('abort', goOn);
  }
}
