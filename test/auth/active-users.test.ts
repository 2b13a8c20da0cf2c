import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createActiveUsers } from '../../src/auth/active-users.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function repository() {
  const active = new Set([1, 2]);
  const state = { active, asked: 0, fails: false };
  const users = createActiveUsers({
    async activeUsers(ids) {
      state.asked += 1;
      if (state.fails) throw new Error('away');
      return new Set(ids.filter((id) => active.has(id)));
    },
  });
  return { state, users };
}

test('a removed user is out within a second, and asked for once a second at most', async () => {
  const { state, users } = repository();
  expect(await users.isActive(1)).toBe(true);
  state.active.delete(1);
  vi.advanceTimersByTime(500);
  await users.isActive(1);
  expect(state.asked).toBe(1);
  vi.advanceTimersByTime(500);
  expect(await users.isActive(1)).toBe(false);
});

test('a user who was just added is in at once', async () => {
  const { state, users } = repository();
  expect(await users.isActive(3)).toBe(false);
  state.active.add(3);
  expect(await users.isActive(3)).toBe(true);
});

test('a failure is told and not remembered', async () => {
  const { state, users } = repository();
  state.fails = true;
  await expect(users.isActive(1)).rejects.toThrow('away');
  state.fails = false;
  expect(await users.isActive(1)).toBe(true);
});
