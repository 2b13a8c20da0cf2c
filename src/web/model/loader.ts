import { Backoff, failureOf } from '../../client/retry.ts';
import { Alarm } from '../../client/wait.ts';

/** Does what needs the service again and again until it has worked, with back-off and jitter between the tries. */
export class Loader {
  readonly #alarm = new Alarm();
  readonly #backoff = new Backoff({}, Math.random);
  readonly #closed = new AbortController();

  /** Resolves when it has worked, or when the loader was closed; rejects when trying again does not help. */
  async untilDone(work: () => Promise<void>): Promise<void> {
    for (let attempt = 0; !this.#closed.signal.aborted; attempt += 1) {
      try {
        return await work();
      } catch (error) {
        if (failureOf(error) === 'final') throw error;
        await this.#alarm.pause(this.#backoff.delayMs(attempt, error), this.#closed.signal);
      }
    }
  }

  /** Tries at once what waits for its next try. */
  wake(): void {
    this.#alarm.ring();
  }

  close(): void {
    this.#closed.abort();
  }
}
