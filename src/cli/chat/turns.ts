import { setTimeout as delay } from 'node:timers/promises';
import { failureOf } from '../../client/retry.ts';

/** Between two tries of what has to be done. */
const REPEAT_MS = 500;

/** Work that is done one after the other. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Does the work when all before it is done, and settles as it does. */
  async take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return await turn;
  }
}

/** Does the work until it works, or the signal aborts; rejects when trying again does not help, or `mayRepeat` says no. */
export async function untilDone(
  work: () => Promise<void>,
  mayRepeat: () => boolean,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      return await work();
    } catch (error) {
      if (!mayRepeat() || failureOf(error) === 'final') throw error;
      await delay(REPEAT_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}
