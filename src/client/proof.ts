import type { MessageEvent } from '../gen/services/chat/v1/types_pb.ts';

/** Events that are remembered so that none is told twice. */
const MAX_IDS = 4_096;
/** Rooms whose last sequence is remembered. */
const MAX_ROOMS = 10_000;

/**
 * Checks by the service's own numbers what arrives: an event id comes once, and the messages of a room follow each other without a gap.
 * What it has forgotten it does not complain about.
 */
export class Proof {
  readonly #ids = new Set<string>();
  readonly #sequences = new Map<string, number>();

  /** This event was told before. */
  isRepeated({ eventId }: MessageEvent): boolean {
    return eventId !== '' && this.#ids.has(eventId);
  }

  /** Takes an event in. Answers true when messages are missing right before it. */
  add({ eventId, roomId, event }: MessageEvent): boolean {
    if (eventId !== '') {
      this.#ids.add(eventId);
      forgetOldest(this.#ids, MAX_IDS);
    }
    // Who comes back to a room does not get what was said meanwhile.
    if (event.case === 'roomJoin' || event.case === 'roomLeave') this.#sequences.delete(roomId);
    if (event.case !== 'message') return false;
    const { sequence } = event.value;
    const before = this.#sequences.get(roomId);
    this.#sequences.delete(roomId);
    this.#sequences.set(roomId, Math.max(before ?? 0, sequence));
    forgetOldest(this.#sequences, MAX_ROOMS);
    return before !== undefined && sequence > before + 1;
  }

  /** The reader is told to read the record: from here on it begins anew. */
  beginAnew(): void {
    this.#sequences.clear();
  }
}

function forgetOldest(
  keys: { readonly size: number; delete(key: string): boolean; keys(): Iterable<string> },
  max: number,
) {
  for (const oldest of keys.keys()) {
    if (keys.size <= max) break;
    keys.delete(oldest);
  }
}
