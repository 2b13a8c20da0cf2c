/** Somebody who says no more than "typing" has stopped after this. */
const SILENCE_MS = 6_000;
/** The service forwards one signal in 2 s. */
const REPEAT_MS = 2_500;
/** Without a key for this long the user has stopped typing. */
const IDLE_MS = 5_000;

/** Who is typing; `changed` hears the user ids whenever they change. */
export class TypingWatch {
  readonly #timers = new Map<number, NodeJS.Timeout>();
  readonly #changed: (userIds: readonly number[]) => void;

  constructor(changed: (userIds: readonly number[]) => void) {
    this.#changed = changed;
  }

  set(userId: number, isTyping: boolean): void {
    const before = this.#timers.get(userId);
    clearTimeout(before);
    if (isTyping)
      this.#timers.set(
        userId,
        setTimeout(() => this.set(userId, false), SILENCE_MS),
      );
    else this.#timers.delete(userId);
    if ((before !== undefined) !== isTyping) this.#changed([...this.#timers.keys()]);
  }

  /** Nobody is typing as far as is known. */
  clear(): void {
    for (const userId of [...this.#timers.keys()]) this.set(userId, false);
  }

  /** Forgets everybody without telling. */
  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}

/** Turns the user's keys into as few signals as tell the others that he is typing, and when he stops. */
export class TypingSignal {
  readonly #send: (isTyping: boolean) => void;
  #sentAt = 0;
  #idle: NodeJS.Timeout | undefined;

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

  /** The line was sent or given up. */
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
