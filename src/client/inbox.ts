import type { ConnectError } from '@connectrpc/connect';
import type { MessageEvent } from '../gen/services/chat/v1/types_pb.ts';
import { CursorKeeper, type CursorStore } from './cursor-keeper.ts';

/** How events arrive. */
export type Transfer = 'stream' | 'poll';

/** What a reader of events gets, in order. */
export type ChatEvent =
  /** Something happened (never a heartbeat). `cursor` is its position; empty for what has none, like typing. */
  | { readonly type: 'event'; readonly event: MessageEvent; readonly cursor: string }
  /**
   * Events are missing before the next one: call InitialSync, or read the history. `cursor_expired`, `cursor_unknown` and `overflow` are
   * the service's reasons; `gap` is the client's own: the numbers of a room's messages have a hole.
   */
  | { readonly type: 'resync'; readonly reason: string; readonly roomId: string }
  /** How the connection is. Several that nobody has read yet become the newest. */
  | ({ readonly type: 'status' } & ConnectionStatus);

/** How the connection is. */
export type ConnectionStatus =
  | { readonly status: 'connecting'; readonly attempt: number }
  /** Events arrive. `again`: they did before. */
  | { readonly status: 'online'; readonly transfer: Transfer; readonly again: boolean }
  /**
   * Nothing arrives; the next try is after `nextDelayMs`. `reason` is the service's text or `silence` (no heartbeat) or
   * `client_overflow` (this reader is too slow: the next try is when it has read what waits).
   */
  | {
      readonly status: 'offline';
      readonly attempt: number;
      readonly nextDelayMs: number;
      readonly reason: string;
      readonly error: ConnectError;
    };

/** The reader's side: `for await`, or by hand. Leaving the loop, `return` and the abort signal cancel the request. */
export interface ChatEvents extends AsyncIterableIterator<ChatEvent, undefined> {
  return(): Promise<IteratorResult<ChatEvent, undefined>>;
}

/** A heartbeat's cursor travels in order with the events, and is never shown. */
type Item = ChatEvent | { readonly type: 'position'; readonly cursor: string };
type Result = IteratorResult<ChatEvent, undefined>;

interface Reader {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

const DONE: Result = { done: true, value: undefined };

/**
 * What has arrived and was not read yet.
 *
 * - Bounded: events are refused when it is full, statuses that nobody has read become one.
 * - An event counts as handled when the next one is asked for: only then its cursor is saved. So an app that dies in the middle of
 *   one gets it again.
 * - After its end everything that waits is dropped; after a failure it is read first.
 */
export class Inbox {
  readonly #max: number;
  readonly #keeper: CursorKeeper;
  #items: Item[] = [];
  /** Events and resyncs among them. */
  #events = 0;
  #readers: Reader[] = [];
  #delivered = '';
  #end: { readonly error?: unknown } | undefined;
  #drained: (() => void)[] = [];

  constructor(max: number, store: CursorStore | undefined) {
    this.#max = max;
    this.#keeper = new CursorKeeper(store);
  }

  /** Takes no more events; what is known about the connection it always takes. */
  get isFull(): boolean {
    return this.#events >= this.#max;
  }

  push(item: Item): void {
    if (this.#end !== undefined) return;
    const last = this.#items.at(-1);
    const isNewer = item.type === last?.type && (item.type === 'status' || item.type === 'position');
    if (isNewer) this.#items.pop();
    this.#items.push(item);
    if (isEvent(item)) this.#events += 1;
    this.#serve();
  }

  /** Resolves when everything was read, or when the inbox has ended. */
  async drained(): Promise<void> {
    if (this.#items.length === 0 || this.#end !== undefined) return;
    await new Promise<void>((resolve) => this.#drained.push(resolve));
  }

  async next(): Promise<Result> {
    this.#keeper.handled(this.#delivered);
    this.#delivered = '';
    return await new Promise((resolve, reject) => {
      this.#readers.push({ resolve, reject });
      this.#serve();
    });
  }

  /** Nobody reads any more. Resolves when the cursor of what was handled is saved. */
  async close(): Promise<void> {
    this.#items = [];
    this.#events = 0;
    this.#finish({});
    await this.#keeper.flush();
  }

  /** There is nothing more to come, for this reason. */
  fail(error: unknown): void {
    this.#finish({ error });
  }

  #finish(end: { readonly error?: unknown }): void {
    this.#end ??= end;
    this.#serve();
    this.#release();
  }

  #serve(): void {
    while (this.#readers.length > 0) {
      const item = this.#items.shift();
      if (item !== undefined && isEvent(item)) this.#events -= 1;
      if (item?.type === 'position') {
        // The readers have handled everything before it: they ask for more.
        this.#keeper.handled(item.cursor);
      } else if (item !== undefined) {
        if (item.type === 'event') this.#delivered = item.cursor;
        this.#readers.shift()?.resolve({ done: false, value: item });
      } else if (this.#end !== undefined) {
        this.#conclude(this.#readers.shift());
      } else break;
    }
    if (this.#items.length === 0) this.#release();
  }

  /** A failure is told once. */
  #conclude(reader: Reader | undefined): void {
    const end = this.#end;
    this.#end = {};
    if (end !== undefined && 'error' in end) reader?.reject(end.error);
    else reader?.resolve(DONE);
  }

  #release(): void {
    for (const resolve of this.#drained.splice(0)) resolve();
  }
}

function isEvent({ type }: Item): boolean {
  return type === 'event' || type === 'resync';
}
