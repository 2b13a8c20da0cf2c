import { randomUUID } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import type { Outbox, OutboxEntry, OutboxEvent, OutboxLease } from '../../src/events/outbox.ts';
import { roomSubject } from '../../src/events/subjects.ts';
import { MessageEventSchema } from '../../src/gen/services/chat/v1/types_pb.ts';

/** One outbox that several dispatchers share, as processes share a database. */
export class MemoryOutbox {
  readonly #entries: OutboxEntry[] = [];
  #id = 0;
  #holder: AbortController | undefined;

  /** Entries that were not removed yet. */
  get size(): number {
    return this.#entries.length;
  }

  /** Somebody holds the right to dispatch. */
  get held(): boolean {
    return this.#holder !== undefined;
  }

  /** Takes the right to dispatch from its holder, as a broken connection does. */
  revoke(): void {
    this.#holder?.abort();
    this.#holder = undefined;
  }

  /** The outbox as one process sees it: hears only of its own commits. */
  process(): Outbox & { commit(...entries: (readonly OutboxEvent[])[]): void } {
    const wakers = new Set<() => void>();
    return {
      commit: (...entries) => {
        for (const events of entries) {
          this.#id += 1;
          this.#entries.push({ id: this.#id, createdAt: Date.now(), events });
        }
        for (const wake of wakers) wake();
      },
      acquire: async () => this.#acquire(),
      read: async (limit) => this.#entries.slice(0, limit),
      remove: async (ids) => this.#remove(new Set(ids)),
      onCommit(wake) {
        wakers.add(wake);
        return () => wakers.delete(wake);
      },
      depth: async () => ({
        count: this.size,
        oldestAgeMs: Date.now() - (this.#entries[0]?.createdAt ?? Date.now()),
      }),
    };
  }

  #acquire(): OutboxLease | undefined {
    if (this.#holder !== undefined) return undefined;
    const holder = new AbortController();
    this.#holder = holder;
    return {
      lost: holder.signal,
      release: async () => {
        if (this.#holder === holder) this.#holder = undefined;
      },
    };
  }

  #remove(ids: ReadonlySet<number>): void {
    for (let index = this.#entries.length - 1; index >= 0; index -= 1) {
      if (ids.has(this.#entries[index]?.id ?? 0)) this.#entries.splice(index, 1);
    }
  }
}

/** A room event whose message id is its number. */
export function outboxEvent(roomId: string, roomEvent: number): OutboxEvent {
  const eventId = randomUUID();
  const event = create(MessageEventSchema, {
    eventId,
    roomId,
    event: { case: 'deleteMessage', value: String(roomEvent) },
  });
  return { eventId, subject: roomSubject(roomId), roomEvent, userId: 1, event };
}
