import type { Broker } from '../events/broker.ts';
import { decodeWrapper, encodeWrapper } from '../events/codec.ts';
import type { MessageEvent } from '../gen/services/chat/v1/types_pb.ts';
import type { Hub } from './hub.ts';
import { typingEvent } from './stream-event.ts';

/**
 * Two seconds (extensions 4) less what two calls may differ in their way through the broker:
 * instances hold back what their own callers repeat, here is only what came through several of them.
 */
const INTERVAL_MS = 1_900;
const MAX_REMEMBERED = 10_000;

/**
 * Typing between instances: not stored, not replayed, lost when the broker is away.
 *
 * Invariant: "is typing" of a user in a room is forwarded at most once per interval, "stopped" always.
 */
export class Typing {
  readonly #broker: Broker;
  readonly #hub: Hub;
  /** User and room → when it was forwarded, oldest first. */
  readonly #forwarded = new Map<string, number>();
  #unsubscribe: (() => void) | undefined;

  constructor(broker: Broker, hub: Hub) {
    this.#broker = broker;
    this.#hub = hub;
  }

  start(): void {
    this.#unsubscribe ??= this.#broker.onBroadcast('CHAT_TYPING', (data) => this.#heard(data));
  }

  stop(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }

  /** Tells all instances. Never fails, never waits. */
  send(userId: number, event: MessageEvent): void {
    this.#broker.broadcast('CHAT_TYPING', encodeWrapper({ userId, event }));
  }

  #heard(data: Uint8Array): void {
    const heard = decodeWrapper(data);
    if (heard?.event.event.case !== 'typing') return;
    const { userId, event } = heard;
    const key = `${userId} ${event.roomId}`;
    if (heard.event.event.value.isTyping && !this.#passes(key, performance.now())) return;
    this.#hub.typing(typingEvent(event, userId));
  }

  #passes(key: string, now: number): boolean {
    const last = this.#forwarded.get(key);
    if (last !== undefined && now - last < INTERVAL_MS) return false;
    this.#forwarded.delete(key);
    this.#forwarded.set(key, now);
    if (this.#forwarded.size > MAX_REMEMBERED) {
      const [oldest] = this.#forwarded.keys();
      if (oldest !== undefined) this.#forwarded.delete(oldest);
    }
    return true;
  }
}
