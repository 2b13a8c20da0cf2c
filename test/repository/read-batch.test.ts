import { expect, it } from 'vitest';
import { createReadBatch } from '../../src/repository/read-batch.ts';

/** A load whose statements end when the test says so. */
function heldLoad() {
  const held: { readonly questions: readonly number[]; readonly end: (error?: Error) => void }[] = [];
  const load = async (questions: readonly number[]): Promise<readonly number[]> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    held.push({ questions, end: (error) => (error === undefined ? resolve() : reject(error)) });
    await promise;
    return questions.map((question) => question * 10);
  };
  const asked = (): (readonly number[])[] => held.map(({ questions }) => questions);
  return { held, load, asked };
}

const turn = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve));

it('asks in one statement what is asked in one turn, and answers each for itself', async () => {
  const { held, load, asked } = heldLoad();
  const ask = createReadBatch(load);
  const answers = Promise.all([1, 2, 3].map(ask));
  await turn();
  expect(asked()).toEqual([[1, 2, 3]]);
  held[0]?.end();
  expect(await answers).toEqual([10, 20, 30]);
});

it('collects questions while its statements are under way, and never adds one to those', async () => {
  const { held, load, asked } = heldLoad();
  const ask = createReadBatch(load, { maxInFlight: 2 });
  const answers = [];
  for (const question of [1, 2, 3, 4]) {
    answers.push(ask(question));
    await turn();
  }
  expect(asked()).toEqual([[1], [2]]);
  held[1]?.end();
  await turn();
  expect(asked()).toEqual([[1], [2], [3, 4]]);
  for (const { end } of held) end();
  expect(await Promise.all(answers)).toEqual([10, 20, 30, 40]);
});

it('fails the askers of a failed statement only', async () => {
  const { held, load } = heldLoad();
  const ask = createReadBatch(load, { maxInFlight: 1 });
  const first = Promise.allSettled([ask(1), ask(2)]);
  await turn();
  const second = ask(3);
  held[0]?.end(new Error('lost'));
  expect((await first).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await turn();
  held[1]?.end();
  expect(await second).toBe(30);
});

it('holds a bounded number of questions in a statement and in its queue', async () => {
  const { held, load, asked } = heldLoad();
  const ask = createReadBatch(load, { maxInFlight: 1, maxSize: 2, maxWaiting: 3 });
  const answers = [ask(1), ask(2), ask(3)];
  await expect(ask(4)).rejects.toMatchObject({ reason: 'overloaded' });
  await turn();
  expect(asked()).toEqual([[1, 2]]);
  held[0]?.end();
  await turn();
  expect(asked()).toEqual([[1, 2], [3]]);
  held[1]?.end();
  expect(await Promise.all(answers)).toEqual([10, 20, 30]);
});
