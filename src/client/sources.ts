import { create, fromJson, type JsonValue } from '@bufbuild/protobuf';
import { type Client, Code, ConnectError } from '@connectrpc/connect';
import type { ChatService } from '../gen/services/chat/v1/service_pb.ts';
import { type MessageEvent, MessageEventSchema } from '../gen/services/chat/v1/types_pb.ts';
import { asConnectErrors } from './fetch-transport.ts';
import { identity, type Tokens } from './tokens.ts';
import type { Alarm } from './wait.ts';

/** From where events are read. */
export interface Position {
  /** Undefined: all rooms. */
  readonly roomId: string | undefined;
  /** Undefined: where the service stopped writing to this client id, or now. */
  readonly cursor: string | undefined;
}

/** One connection's events, heartbeats included; throws a ConnectError when it breaks, and when the signal aborts. */
export type EventSource = (from: Position, signal: AbortSignal) => AsyncIterable<MessageEvent>;

/** Events as they happen. */
export function streamSource(rpc: Client<typeof ChatService>): EventSource {
  return ({ roomId, cursor }, signal) =>
    rpc.streamMessages({ ...(roomId && { roomId }), ...(cursor && { cursor }) }, { signal });
}

/** What polling needs. */
export interface PollOptions {
  readonly baseUrl: string;
  readonly fetch: typeof globalThis.fetch;
  readonly tokens: Tokens;
  readonly clientId: string;
  /** How long the service may hold an answer back until something happens. */
  readonly waitMs: number;
  readonly alarm: Alarm;
}

/** The service is not asked more often, so that what happens quickly comes in one answer. */
const MIN_POLL_MS = 500;

const CODES: Readonly<Record<number, Code>> = {
  400: Code.InvalidArgument,
  401: Code.Unauthenticated,
  403: Code.PermissionDenied,
  404: Code.NotFound,
  409: Code.Aborted,
  429: Code.ResourceExhausted,
  501: Code.Unimplemented,
};

/** Events by long poll, for where responses can't be read while they arrive. Each answer ends with a heartbeat of its cursor. */
export function pollSource(options: PollOptions): EventSource {
  return async function* poll({ roomId, cursor }, signal) {
    let at = cursor;
    // The first answer comes at once: it tells that the service is there, and where events begin.
    for (let waitMs = 0; !signal.aborted; waitMs = options.waitMs) {
      const startedAt = Date.now();
      const { events, cursor: next } = await ask({ ...options, waitMs }, { roomId, cursor: at }, signal);
      yield* events;
      at = next === '' ? at : next;
      yield create(MessageEventSchema, { event: { case: 'connected', value: true }, cursor: next });
      const early = MIN_POLL_MS - (Date.now() - startedAt);
      if (waitMs > 0) await options.alarm.pause(early, signal);
    }
  };
}

async function ask(
  { baseUrl, fetch, tokens, clientId, waitMs }: PollOptions,
  { roomId, cursor }: Position,
  signal: AbortSignal,
): Promise<{ readonly events: readonly MessageEvent[]; readonly cursor: string }> {
  const headers = { ...identity(await tokens.current(), clientId), 'Content-Type': 'application/json' };
  const body = JSON.stringify({ waitMs, ...(roomId && { roomId }), ...(cursor && { cursor }) });
  const url = `${baseUrl.replace(/\/+$/, '')}/api/chat/v1/poll`;
  const response = await asConnectErrors(() => fetch(url, { method: 'POST', headers, body, signal }));
  const text = await asConnectErrors(() => response.text());
  const envelope = objectIn(parsed(text));
  if (!response.ok) throw refusal(response, envelope);
  const data = objectIn(envelope.data);
  if (!Array.isArray(data.events)) throw new ConnectError('this is no answer to a poll', Code.Unavailable);
  return {
    events: data.events.map((event: JsonValue) =>
      fromJson(MessageEventSchema, event, { ignoreUnknownFields: true }),
    ),
    cursor: typeof data.cursor === 'string' ? data.cursor : '',
  };
}

function refusal(response: Response, { message }: Readonly<Record<string, JsonValue>>): ConnectError {
  const retryAfter = response.headers.get('retry-after');
  return new ConnectError(
    typeof message === 'string' ? message : `HTTP ${response.status}`,
    CODES[response.status] ?? Code.Unavailable,
    retryAfter === null ? {} : { 'retry-after': retryAfter },
  );
}

/** Undefined when it is no JSON: a proxy's page. */
function parsed(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function objectIn(value: JsonValue | undefined): Readonly<Record<string, JsonValue>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}
