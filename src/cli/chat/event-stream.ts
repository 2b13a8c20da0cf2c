import { setTimeout as delay } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import type { MessageEvent } from '../../gen/services/chat/v1/types_pb.ts';
import { backOffMs, type ChatClient } from './connection.ts';

/** Without a sign of life for this long a stream is given up; the service's heartbeat is 15 s. */
const SILENCE_MS = 40_000;

/** What happens to a stream. Called one at a time, in order; the next event waits for the former. */
export interface StreamListener {
  /** The stream is open; after the first time: again. */
  opened(again: boolean): Promise<void>;
  event(event: MessageEvent): Promise<void>;
  /** The stream broke; it is tried again until it works. */
  lost(): void;
}

/**
 * Follows the events of a room until `signal` aborts. A broken stream is opened again with the cursor of the last event that
 * was handled, so that nothing is missed or shown twice. Rejects when the service refuses, for what won't change by itself.
 */
export async function followEvents(
  client: ChatClient,
  roomId: string,
  listener: StreamListener,
  signal: AbortSignal,
): Promise<void> {
  let cursor: string | undefined;
  let opened = false;
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    const silence = new Watchdog(SILENCE_MS);
    try {
      const request = cursor === undefined ? { roomId } : { roomId, cursor };
      const calls = AbortSignal.any([signal, silence.signal]);
      let isFirst = true;
      for await (const event of client.streamMessages(request, { signal: calls })) {
        silence.reset();
        if (isFirst) await listener.opened(opened);
        isFirst = false;
        opened = true;
        attempt = 0;
        await listener.event(event);
        if (event.cursor !== '') cursor = event.cursor;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!opened || isFinal(error)) throw error;
    } finally {
      silence.stop();
    }
    listener.lost();
    await delay(backOffMs(attempt), undefined, { signal }).catch(() => undefined);
  }
}

function isFinal(error: unknown): boolean {
  const final = [Code.Unauthenticated, Code.InvalidArgument, Code.PermissionDenied, Code.Unimplemented];
  return final.includes(ConnectError.from(error).code);
}

/** Aborts when it was not reset for some time. */
class Watchdog {
  readonly #abort = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(ms: number) {
    this.#timer = setTimeout(() => this.#abort.abort(), ms);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  reset(): void {
    this.#timer.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
