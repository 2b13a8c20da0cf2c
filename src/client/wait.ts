/** Wakes those who wait before their time: the network is back, say. Timers of one client hang on one alarm. */
export class Alarm {
  readonly #sleepers = new Set<() => void>();

  /** Resolves after `ms`, or as soon as it rings or the signal aborts; never rejects. */
  async pause(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted || ms <= 0) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        this.#sleepers.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener('abort', end);
      this.#sleepers.add(end);
    });
  }

  ring(): void {
    for (const wake of [...this.#sleepers]) wake();
  }
}

/** A signal that aborts with its parents, and by itself. `release` lets go of the parents, which may live much longer. */
export interface LinkedAbort {
  readonly signal: AbortSignal;
  abort(): void;
  release(): void;
}

/** `AbortSignal.any` by hand: React Native does not have it. */
export function linkAbort(...parents: readonly (AbortSignal | undefined)[]): LinkedAbort {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  for (const parent of parents) {
    if (parent?.aborted === true) abort();
    parent?.addEventListener('abort', abort);
  }
  return {
    signal: controller.signal,
    abort,
    release() {
      for (const parent of parents) parent?.removeEventListener('abort', abort);
    },
  };
}

/** Calls back once when it was not reset for some time. */
export class Watchdog {
  readonly #ms: number;
  readonly #bark: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ms: number, bark: () => void) {
    this.#ms = ms;
    this.#bark = bark;
    this.reset();
  }

  reset(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#bark, this.#ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
