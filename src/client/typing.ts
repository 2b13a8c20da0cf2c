/** Somebody who says no more than "typing" has stopped after this. */
const SILENCE_MS = 6_000;
/** The service forwards one signal in 2 s. */
const REPEAT_MS = 2_500;
/** Without a key for this long the user has stopped typing. */
const IDLE_MS = 5_000;

type Timer = ReturnType<typeof setTimeout>;

/** Who is typing in which room; `changed` hears the room whenever that changes. */
export class TypingWatch {
  readonly #rooms = new Map<string, Map<number, Timer>>();
  readonly #changed: (roomId: string) => void;

  constructor(changed: (roomId: string) => void) {
    this.#changed = changed;
  }

  /** What an event of type `typing` tells; `false` also when a message of that user arrives. */
  set(roomId: string, userId: number, isTyping: boolean): void {
    const room = this.#rooms.get(roomId) ?? new Map<number, Timer>();
    const before = room.get(userId);
    clearTimeout(before);
    if (isTyping)
      room.set(
        userId,
        setTimeout(() => this.set(roomId, userId, false), SILENCE_MS),
      );
    else room.delete(userId);
    if (room.size > 0) this.#rooms.set(roomId, room);
    else this.#rooms.delete(roomId);
    if ((before !== undefined) !== isTyping) this.#changed(roomId);
  }

  /** The ids of those who are typing in that room. */
  in(roomId: string): readonly number[] {
    return [...(this.#rooms.get(roomId)?.keys() ?? [])];
  }

  /** Nobody is typing as far as is known, in that room or anywhere. */
  clear(roomId?: string): void {
    for (const id of roomId === undefined ? [...this.#rooms.keys()] : [roomId]) {
      for (const userId of this.in(id)) this.set(id, userId, false);
    }
  }

  /** Forgets everybody without telling. */
  close(): void {
    for (const room of this.#rooms.values()) for (const timer of room.values()) clearTimeout(timer);
    this.#rooms.clear();
  }
}

/** Turns the user's keys into as few signals as tell the others that he is typing, and when he stops. */
export class TypingSignal {
  readonly #send: (isTyping: boolean) => void;
  #sentAt = 0;
  #idle: Timer | undefined;

  constructor(send: (isTyping: boolean) => void) {
    this.#send = send;
  }

  /** A key was pressed. */
  key(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.stop(), IDLE_MS);
    if (Date.now() - this.#sentAt < REPEAT_MS) return;
    this.#sentAt = Date.now();
    this.#send(true);
  }

  /** What was typed was sent or given up. */
  stop(): void {
    clearTimeout(this.#idle);
    if (this.#sentAt !== 0) this.#send(false);
    this.#sentAt = 0;
  }

  /** Without telling anybody. */
  close(): void {
    clearTimeout(this.#idle);
  }
}
