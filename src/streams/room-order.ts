import type { StreamEvent } from './stream-event.ts';

/** How an event follows what was seen before: the next one, one seen already, or one after a hole. */
export type Succession = 'next' | 'repeat' | 'gap';

/** Rooms remembered before the least recently seen ones may be forgotten. */
const DEFAULT_ROOMS = 50_000;

/**
 * Remembers the newest event number of each room, and so tells repeats and holes.
 *
 * Invariants:
 * - Bounded: at most two generations of `maxRooms` rooms; a full generation pushes out the one before it.
 * - A room that is not remembered accepts any number as the next one: what can't be proved is not claimed.
 */
export class RoomOrder {
  readonly #maxRooms: number;
  #young = new Map<string, number>();
  #old = new Map<string, number>();

  constructor(maxRooms = DEFAULT_ROOMS) {
    this.#maxRooms = maxRooms;
  }

  /** Takes note of event `number` of a room. */
  next(roomId: string, number: number): Succession {
    const last = this.#young.get(roomId) ?? this.#old.get(roomId);
    if (last !== undefined && number <= last) return 'repeat';
    this.#remember(roomId, number);
    return last === undefined || number === last + 1 ? 'next' : 'gap';
  }

  /** Takes note of an event. The joins of a user to a room have rising numbers, with holes between them. */
  follow({ joinedUser, roomId, roomEvent }: StreamEvent): Succession {
    if (joinedUser === undefined) return this.next(roomId, roomEvent);
    return this.next(`${joinedUser} ${roomId}`, roomEvent) === 'repeat' ? 'repeat' : 'next';
  }

  /** Says that events up to `number` of a room are of no concern, so that their absence is no hole. */
  skipTo(roomId: string, number: number): void {
    const last = this.#young.get(roomId) ?? this.#old.get(roomId);
    if (last === undefined || number > last) this.#remember(roomId, number);
  }

  /** Forgets everything: the history that it came from is not continued. */
  clear(): void {
    this.#young = new Map();
    this.#old = new Map();
  }

  #remember(key: string, number: number): void {
    if (this.#young.size >= this.#maxRooms && !this.#young.has(key)) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, number);
  }
}
