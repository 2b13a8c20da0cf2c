import { ChatError } from '../chat/errors.ts';

/**
 * Answers many small questions with few statements: those asked in one turn of the event loop, or while earlier ones are
 * being answered, share the next statement.
 *
 * - A statement starts after every question in it was asked, so an answer is never older than its question.
 * - `load` gives an answer for each question, in order; when it fails, all of its askers fail.
 * - At most `maxInFlight` statements run at once and each holds at most `maxSize` questions;
 *   with `maxWaiting` questions in the queue the next one is refused as `overloaded`.
 */
export function createReadBatch<Q, A>(
  load: (questions: readonly Q[]) => Promise<readonly A[]>,
  { maxInFlight = 2, maxSize = 200, maxWaiting = 10_000 } = {},
): (question: Q) => Promise<A> {
  const waiting: Asked<Q, A>[] = [];
  let inFlight = 0;
  let scheduled = false;

  function schedule(): void {
    if (scheduled || inFlight >= maxInFlight || waiting.length === 0) return;
    scheduled = true;
    queueMicrotask(() => {
      scheduled = false;
      inFlight += 1;
      void answer(waiting.splice(0, maxSize)).finally(() => {
        inFlight -= 1;
        schedule();
      });
      schedule();
    });
  }

  async function answer(batch: readonly Asked<Q, A>[]): Promise<void> {
    try {
      const answers = await load(batch.map(({ question }) => question));
      if (answers.length !== batch.length) throw new Error('a batched read lost an answer');
      answers.forEach((found, index) => {
        batch[index]?.resolve(found);
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  return async (question) => {
    if (waiting.length >= maxWaiting) throw new ChatError('overloaded');
    const { promise, resolve, reject } = Promise.withResolvers<A>();
    waiting.push({ question, resolve, reject });
    schedule();
    return await promise;
  };
}

interface Asked<Q, A> {
  readonly question: Q;
  readonly resolve: (answer: A) => void;
  readonly reject: (error: unknown) => void;
}
