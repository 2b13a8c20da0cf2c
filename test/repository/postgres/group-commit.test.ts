import { describe, expect, test } from 'vitest';
import { GroupCommit } from '../../../src/repository/postgres/group-commit.ts';

/** Writes that are answered one by one, by the test. */
function manualWriter(): {
  readonly groups: string[][];
  write(items: readonly string[]): Promise<readonly string[]>;
  /** Ends the oldest group that is still open. */
  finish(): void;
} {
  const groups: string[][] = [];
  const open: (() => void)[] = [];
  return {
    groups,
    async write(items) {
      groups.push([...items]);
      await new Promise<void>((resolve) => open.push(resolve));
      return items.map((item) => `${item}!`);
    },
    finish: () => open.shift()?.(),
  };
}

function driverError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** Groups that are written at once; `fail` decides what a group is answered. */
function writer(fail: (items: readonly string[], call: number) => Error | undefined): {
  readonly groups: string[][];
  write(items: readonly string[]): Promise<readonly string[]>;
} {
  const groups: string[][] = [];
  return {
    groups,
    async write(items) {
      groups.push([...items]);
      const error = fail(items, groups.length);
      if (error !== undefined) throw error;
      return items.map((item) => `${item}!`);
    },
  };
}

describe('GroupCommit', () => {
  test('puts the callers of one turn into one group and answers each with its own result', async () => {
    const { groups, write } = writer(() => undefined);
    const commit = new GroupCommit({ write });
    expect(await Promise.all(['a', 'b', 'c'].map((item) => commit.add(item)))).toEqual(['a!', 'b!', 'c!']);
    expect(await commit.add('d')).toBe('d!');
    expect(groups).toEqual([['a', 'b', 'c'], ['d']]);
  });

  test('collects what comes while a group is in flight into the next one', async () => {
    const { groups, write, finish } = manualWriter();
    const commit = new GroupCommit({ write });
    const first = commit.add('a');
    await expect.poll(() => groups).toEqual([['a']]);
    const rest = ['b', 'c'].map((item) => commit.add(item));
    finish();
    expect(await first).toBe('a!');
    await expect.poll(() => groups).toEqual([['a'], ['b', 'c']]);
    finish();
    expect(await Promise.all(rest)).toEqual(['b!', 'c!']);
  });

  test('never writes more than the largest group, nor twice the same key, in the order of arrival', async () => {
    const { groups, write } = writer(() => undefined);
    const commit = new GroupCommit({ write, maxGroup: 3, key: (item) => (item === 'e' ? undefined : item) });
    const items = ['a', 'e', 'a', 'e', 'b', 'a', 'c'];
    expect(await Promise.all(items.map((item) => commit.add(item)))).toEqual(items.map((item) => `${item}!`));
    expect(groups).toEqual([['a', 'e', 'e'], ['a', 'b', 'c'], ['a']]);
  });

  test('refuses what exceeds the queue, and takes more once it is shorter', async () => {
    const { write, finish, groups } = manualWriter();
    const commit = new GroupCommit({ write, maxWaiting: 2 });
    const first = commit.add('a');
    await expect.poll(() => groups.length).toBe(1);
    const waiting = [commit.add('b'), commit.add('c')];
    await expect(commit.add('d')).rejects.toMatchObject({ reason: 'overloaded' });
    finish();
    await first;
    await expect.poll(() => groups.length).toBe(2);
    finish();
    await Promise.all(waiting);
    const last = commit.add('e');
    await expect.poll(() => groups.length).toBe(3);
    finish();
    expect(await last).toBe('e!');
  });

  test.each(['22P05', '23503'])('lets a bad item fail alone (%s)', async (code) => {
    const { write } = writer((items) => (items.includes('bad') ? driverError(code) : undefined));
    const commit = new GroupCommit({ write });
    const items = ['a', 'b', 'bad', 'c', 'd'];
    const answers = await Promise.allSettled(items.map((item) => commit.add(item)));
    expect(answers.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
  });

  test('repeats a group that the server rolled back because of others', async () => {
    const { write, groups } = writer((_, call) => (call <= 3 ? driverError('40P01') : undefined));
    const commit = new GroupCommit({ write });
    expect(await Promise.all([commit.add('a'), commit.add('b')])).toEqual(['a!', 'b!']);
    expect(groups).toHaveLength(4);
  });

  test('gives up after three repetitions', async () => {
    const { write, groups } = writer(() => driverError('40001'));
    const commit = new GroupCommit({ write });
    await expect(commit.add('a')).rejects.toMatchObject({ code: '40001' });
    expect(groups).toHaveLength(4);
  });

  test('never repeats what may have been committed', async () => {
    const { write, groups } = writer(() => driverError('ECONNRESET'));
    const commit = new GroupCommit({ write });
    const answers = await Promise.allSettled([commit.add('a'), commit.add('b')]);
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(groups).toEqual([['a', 'b']]);
  });
});
