/** How long what is queued of a room may still be handed over after its user was removed from it. */
const GRACE_MS = 500;

/**
 * The rooms that a stream lost lately: a client that reads gets what came before the loss, one that does not
 * is not told any more what was said in a room where its user has no business.
 */
export class LostRooms {
  #losses: readonly Loss[] = [];

  /** The user lost the room by the event `sequence`. */
  add(roomId: string, sequence: number, now: number): void {
    this.#losses = [...this.#losses, { roomId, sequence, due: now + GRACE_MS }];
  }

  /** Whether there is something to forget now. */
  isDue(now: number): boolean {
    return this.#losses.some(({ due }) => due <= now);
  }

  /** Whether the event came before a loss of its room whose grace is over. */
  forgets(event: { readonly roomId: string; readonly sequence: number }, now: number): boolean {
    return this.#losses.some(
      ({ roomId, sequence, due }) =>
        due <= now && roomId === event.roomId && event.sequence > 0 && event.sequence < sequence,
    );
  }

  /** Forgets the losses whose grace is over and that lie at or before `done`: nothing of before them comes any more. */
  settle(now: number, done: number): void {
    this.#losses = this.#losses.filter(({ due, sequence }) => due > now || sequence > done);
  }
}

interface Loss {
  readonly roomId: string;
  readonly sequence: number;
  readonly due: number;
}
