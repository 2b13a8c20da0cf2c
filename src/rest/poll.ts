import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { UniversalHandler } from '@connectrpc/connect/protocol';
import type { StreamSink } from '../rpc/stream-sink.ts';
import type { DeliveredEvent } from '../streams/streams.ts';
import { answerData, answerError, answerRefusal } from './envelope.ts';
import { asObject } from './fields.ts';
import { isJson, readBody } from './request-body.ts';
import { parseJson } from './request-message.ts';
import { callStream } from './stream-call.ts';
import type { RestRequest, UnaryDeps } from './unary.ts';
import { introduce } from './universal-call.ts';
import { unreadable } from './unreadable.ts';

const MAX_WAIT_MS = 30_000;
const DEFAULT_WAIT_MS = 25_000;
/** How long the stream may take to open, on top of the longest wait. */
const OPENING_MS = 30_000;

/**
 * The event stream for clients that can't read one: opens it at the cursor, answers the first batch that tells something, and closes it. Without news
 * it answers after the wait, with the newest heartbeat.
 *
 * What was answered does not count as written: only a cursor that is shown does. So an answer that got lost comes again, with the same cursor
 * or without one.
 */
export async function servePoll(
  { request, response }: RestRequest,
  handler: UniversalHandler,
  { maxRequestBytes, cookie }: UnaryDeps,
): Promise<void> {
  introduce(request, response, cookie);
  if (!isJson(request.headers['content-type'])) return await answerRefusal(request, response, 415);
  const sink = new PollSink();
  let cursor = '';
  const error = await callStream({ request, response }, handler, sink, {
    timeoutMs: MAX_WAIT_MS + OPENING_MS,
    body: async () => {
      const order = orderOf(parseJson(await readBody(request, maxRequestBytes)));
      cursor = order.cursor;
      sink.waitFor(order.waitMs);
      return Buffer.from(JSON.stringify({ cursor, roomId: order.roomId }));
    },
  });
  sink.close();
  if (error !== undefined) await answerError(request, response, error);
  else await answerData(request, response, sink.answer(cursor));
}

interface PollOrder {
  readonly cursor: string;
  readonly roomId: string;
  readonly waitMs: number;
}

function orderOf(body: JsonValue): PollOrder {
  const fields = asObject(body);
  const waitMs = Number(valueUnder(fields, 'waitMs', 'wait_ms') ?? DEFAULT_WAIT_MS);
  if (!Number.isInteger(waitMs) || waitMs < 0 || waitMs > MAX_WAIT_MS) throw unreadable();
  return {
    cursor: textOf(valueUnder(fields, 'cursor', 'cursor')),
    roomId: textOf(valueUnder(fields, 'roomId', 'room_id')),
    waitMs,
  };
}

/** By either name; null is as good as nothing. */
function valueUnder(fields: JsonObject, jsonName: string, name: string): JsonValue | undefined {
  const key = [jsonName, name].find((one) => Object.hasOwn(fields, one));
  return key === undefined ? undefined : (fields[key] ?? undefined);
}

function textOf(value: JsonValue | undefined): string {
  if (value === undefined) return '';
  if (typeof value !== 'string') throw unreadable();
  return value;
}

/** Keeps the newest heartbeat and one batch; so it is no larger than those. */
class PollSink implements StreamSink {
  readonly limit = 'polls';
  readonly #enough = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;
  #heartbeat: DeliveredEvent | undefined;
  #news: readonly DeliveredEvent[] = [];

  get enough(): AbortSignal {
    return this.#enough.signal;
  }

  /** An answer without news comes so late, but not before the stream is open. */
  waitFor(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#isOver = true;
      if (this.#heartbeat !== undefined) this.#enough.abort();
    }, ms);
  }

  take(batch: readonly DeliveredEvent[]): Promise<void> {
    if (batch.every(isHeartbeat)) this.#heartbeat = batch.at(-1);
    else this.#news = batch;
    if (this.#news.length > 0 || this.#isOver) this.#enough.abort();
    return Promise.resolve();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  /** JSON text; `asked` is the cursor of a request that brought none. */
  answer(asked: string): Uint8Array {
    const events = [...(this.#heartbeat === undefined ? [] : [this.#heartbeat]), ...this.#news];
    const cursor = events.findLast(({ event }) => event.cursor !== '')?.event.cursor ?? asked;
    const texts = events.flatMap(({ json }, index) => (index === 0 ? [json] : [Buffer.from(','), json]));
    return Buffer.concat([
      Buffer.from('{"events":['),
      ...texts,
      Buffer.from(`],"cursor":${JSON.stringify(cursor)}}`),
    ]);
  }
}

function isHeartbeat({ event }: DeliveredEvent): boolean {
  return event.event.case === 'connected';
}
