import { Code, ConnectError } from '@connectrpc/connect';
import type { MessageEvent } from '../gen/services/chat/v1/types_pb.ts';
import type { Inbox, Transfer } from './inbox.ts';
import { Proof } from './proof.ts';
import { type Backoff, isCut } from './retry.ts';
import type { EventSource } from './sources.ts';
import type { Tokens } from './tokens.ts';
import { type Alarm, linkAbort, Watchdog } from './wait.ts';

/** How events may arrive; `auto`: as a stream, or by poll where that does not work. */
export type Mode = 'auto' | Transfer;

/** What following needs. */
export interface FollowDeps {
  readonly sources: Readonly<Record<Transfer, EventSource>>;
  readonly tokens: Tokens;
  readonly backoff: Backoff;
  readonly alarm: Alarm;
  /** Without a sign of life for so long a connection is given up. */
  readonly silenceMs: number;
  readonly canStream: boolean;
  readonly now: () => number;
  /** Events arrive (again). */
  readonly online: () => void;
}

/** The service has another stream with this client id; the older of the two ends. Only one may have it at a time. */
export class StreamReplacedError extends Error {
  constructor(options: { readonly cause: unknown }) {
    super('another stream of this user has the same client id', options);
    this.name = 'StreamReplacedError';
  }
}

/** A connection that has lived so long was a good one: after it tries are counted anew. */
const GOOD_MS = 5_000;
/** Trying again does not help. */
const FINAL = new Set([Code.InvalidArgument, Code.PermissionDenied, Code.NotFound, Code.Unimplemented]);
/** Whoever is told one of these may come back at once, once: another instance is there, or another token. */
const AT_ONCE = new Set(['shutting_down', 'token_expired']);

/** How one connection ended. */
interface Ending {
  readonly error: ConnectError;
  readonly reason: string;
  /** The token that it had. */
  readonly token: string | undefined;
  /** It said something. */
  readonly opened: boolean;
  /** It brought something, or lived for a while. */
  readonly good: boolean;
}

/**
 * Keeps one connection after the other open and puts into the inbox what arrives, until the signal aborts; rejects when trying again
 * does not help.
 *
 * - A connection starts at the cursor of the last event that the inbox took, so nothing is missed; an event that comes again is dropped.
 * - A full inbox ends the connection. The next one begins when everything in it was read.
 * - A refused token is renewed once, until a connection says something again.
 */
export class Follower {
  readonly #deps: FollowDeps;
  readonly #inbox: Inbox;
  readonly #roomId: string | undefined;
  readonly #signal: AbortSignal;
  readonly #proof = new Proof();
  readonly #mode: Mode;
  #cursor: string | undefined;
  #transfer: Transfer;
  /** A connection of the current kind has worked. */
  #proven = false;
  #again = false;
  #renewed = false;
  #attempt = 0;

  constructor(
    deps: FollowDeps,
    options: {
      readonly roomId: string | undefined;
      readonly cursor: string | undefined;
      readonly mode: Mode;
    },
    inbox: Inbox,
    signal: AbortSignal,
  ) {
    this.#deps = deps;
    this.#inbox = inbox;
    this.#signal = signal;
    this.#roomId = options.roomId;
    this.#cursor = options.cursor;
    this.#mode = options.mode;
    if (options.mode === 'auto') this.#transfer = deps.canStream ? 'stream' : 'poll';
    else this.#transfer = options.mode;
  }

  async run(): Promise<void> {
    while (!this.#signal.aborted) {
      this.#inbox.push({ type: 'status', status: 'connecting', attempt: this.#attempt });
      const ending = await this.#connect();
      if (this.#signal.aborted) return;
      if (ending.good) this.#attempt = 0;
      if (ending.opened) this.#renewed = false;
      const again = this.#changeTransfer(ending) || (await this.#changeToken(ending));
      if (!again) refuseFinal(ending.error);
      await this.#wait(ending);
    }
  }

  async #connect(): Promise<Ending> {
    const { tokens, sources, silenceMs, now } = this.#deps;
    const startedAt = now();
    const link = linkAbort(this.#signal);
    let reason: string | undefined;
    const giveUp = (why: string): void => {
      reason = why;
      link.abort();
    };
    const watchdog = new Watchdog(silenceMs, () => giveUp('silence'));
    let token: string | undefined;
    let opened = false;
    let brought = false;
    const endingOf = (error: ConnectError): Ending => {
      const good = brought || (opened && now() - startedAt >= GOOD_MS);
      return { error, reason: reason ?? error.rawMessage, token, opened, good };
    };
    try {
      token = await tokens.current();
      const from = { roomId: this.#roomId, cursor: this.#cursor };
      for await (const event of sources[this.#transfer](from, link.signal)) {
        if (link.signal.aborted) break;
        watchdog.reset();
        if (!opened) this.#opened();
        opened = true;
        // A heartbeat takes no room.
        if (this.#inbox.isFull && event.event.case !== 'connected') {
          giveUp('client_overflow');
          break;
        }
        brought = this.#take(event) || brought;
      }
      return endingOf(new ConnectError(reason ?? 'the stream has ended', Code.Unavailable));
    } catch (error) {
      // What was given up says no more than that it was cancelled.
      return endingOf(
        reason === undefined ? ConnectError.from(error) : new ConnectError(reason, Code.Unavailable),
      );
    } finally {
      watchdog.stop();
      link.abort();
      link.release();
    }
  }

  #opened(): void {
    this.#inbox.push({ type: 'status', status: 'online', transfer: this.#transfer, again: this.#again });
    this.#again = true;
    this.#proven = true;
    this.#deps.online();
  }

  /** Answers whether it was something that happened. */
  #take(event: MessageEvent): boolean {
    const { cursor } = event;
    switch (event.event.case) {
      case 'connected':
        if (cursor === '') return false;
        this.#inbox.push({ type: 'position', cursor });
        break;
      case 'resyncRequired':
        this.#proof.beginAnew();
        this.#inbox.push({ type: 'resync', reason: event.event.value.reason, roomId: '' });
        return false;
      default:
        if (this.#proof.isRepeated(event)) return false;
        if (this.#proof.add(event)) this.#inbox.push({ type: 'resync', reason: 'gap', roomId: event.roomId });
        this.#inbox.push({ type: 'event', event, cursor });
    }
    if (cursor !== '') this.#cursor = cursor;
    return event.event.case !== 'connected';
  }

  /** Another way to transfer events, as long as the present one has never worked. */
  #changeTransfer({ error, reason, opened }: Ending): boolean {
    if (this.#mode !== 'auto' || this.#proven || opened) return false;
    if (reason !== 'silence' && error.code !== Code.Unimplemented) return false;
    // Where the poll is not there either, the stream has had its chance.
    if (error.code === Code.Unimplemented && this.#transfer === 'poll') return false;
    this.#transfer = this.#transfer === 'stream' ? 'poll' : 'stream';
    return true;
  }

  async #changeToken({ error, token }: Ending): Promise<boolean> {
    if (error.code !== Code.Unauthenticated) return false;
    const { tokens } = this.#deps;
    if (this.#renewed || !tokens.canRenew) throw error;
    this.#renewed = true;
    try {
      await tokens.renew(token);
    } catch (failure) {
      const { code } = ConnectError.from(failure);
      if (code === Code.Unauthenticated) throw failure;
      // It could not be asked: that was not the one try.
      this.#renewed = false;
    }
    return true;
  }

  async #wait({ error, reason }: Ending): Promise<void> {
    const isFirst = this.#attempt === 0 && AT_ONCE.has(error.rawMessage);
    const isOverflow = reason === 'client_overflow';
    const nextDelayMs = isFirst || isOverflow ? 0 : this.#deps.backoff.delayMs(this.#attempt, error);
    this.#attempt += 1;
    const attempt = this.#attempt;
    this.#inbox.push({ type: 'status', status: 'offline', attempt, nextDelayMs, reason, error });
    if (isOverflow) await this.#inbox.drained();
    await this.#deps.alarm.pause(nextDelayMs, this.#signal);
  }
}

function refuseFinal(error: ConnectError): void {
  if (error.rawMessage === 'stream_replaced') throw new StreamReplacedError({ cause: error });
  if (FINAL.has(error.code) && !isCut(error)) throw error;
}
