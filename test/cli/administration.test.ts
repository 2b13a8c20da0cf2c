import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestApp, type TestApp, tokenOf } from '../support/app.ts';
import { COMMAND_KEYS, CommandProcess, commandEnv, commandRunner } from '../support/commands.ts';
import { freePort } from '../support/ports.ts';

const { out, err, run, json } = commandRunner();
const folder = mkdtempSync(join(tmpdir(), 'chat-commands-'));
let app: TestApp;
let env: Record<string, string>;

beforeAll(async () => {
  app = await startTestApp({ env: COMMAND_KEYS });
  env = commandEnv(app.url);
});
afterAll(async () => {
  await app?.stop();
  rmSync(folder, { recursive: true });
});

describe('users', () => {
  it('lists those there are, and ends with 1 when one is unknown', async () => {
    expect(await run(['users', 'list', '2,1', '3-4'], env)).toBe(0);
    expect(out.join('\n').match(/User \d/g)).toEqual(['User 2', 'User 1', 'User 3', 'User 4']);
    expect(await run(['users', 'list', '8-9', '--json'], env)).toBe(1);
    expect(json()).toMatchObject([{ id: 8, name: 'User 8' }]);
    expect(err.join()).toContain('unknown or removed: 9');
  });

  it('writes one and many, and removes them', async () => {
    expect(
      await run(
        ['users', 'upsert', '--id', '21', '--name', 'Ivy \u001b[31mChen', '--email', 'ivy@example.org'],
        env,
      ),
    ).toBe(0);
    expect(out).toEqual(['1 user written']);
    expect(await run(['users', 'list', '21'], env)).toBe(0);
    // Names are of others: nothing in them steers the terminal.
    expect(out.join()).toMatch(/21 {2}Ivy Chen {4}ivy@example\.org/);

    const file = join(folder, 'users.json');
    const users = Array.from({ length: 1_500 }, (_, index) => ({ id: 1_000 + index, name: `Many ${index}` }));
    writeFileSync(file, JSON.stringify({ users }));
    expect(await run(['users', 'upsert', '--file', file, '--json'], env)).toBe(0);
    expect(json()).toEqual({ upserted: 1_500 });

    expect(await run(['users', 'remove', '21', '1000-2499', '--json'], env)).toBe(0);
    expect(json()).toEqual({ removed: 1_501 });
    expect(await run(['users', 'list', '21'], env)).toBe(1);
  });

  it('reads stdin', async () => {
    const command = new CommandProcess(['users', 'upsert', '--file', '-'], env);
    command.child.stdin?.end('[{"id": 31, "name": "Piped"}]');
    expect(await command.exitCode).toBe(0);
    expect(await run(['users', 'list', '31'], env)).toBe(0);
    expect(out.join()).toContain('Piped');
  });

  it.each([
    ['[{"id": 41, "nam": "X"}]', /user 1 of 1: .*nam/],
    ['{"users": []}', /holds no users/],
    ['[', /is not JSON/],
  ])('says what is wrong with the file %s', async (content, words) => {
    const file = join(folder, 'wrong.json');
    writeFileSync(file, content);
    expect(await run(['users', 'upsert', '--file', file], env)).toBe(1);
    expect(err.join()).toMatch(words);
  });

  it("does not take a user's token", async () => {
    expect(await run(['users', 'list', '1', '--token', await tokenOf(1)], env)).toBe(1);
    expect(err.join()).toContain("not an administrator's");
  });
});

describe('rooms', () => {
  let name: string;
  let id: string;

  beforeEach(async () => {
    name = `Room ${crypto.randomUUID()}`;
    const argv = [
      'rooms',
      'create',
      '--as',
      '1',
      '--type',
      'group',
      '--name',
      name,
      '--members',
      '2,3',
      '--json',
    ];
    expect(await run(argv, env)).toBe(0);
    ({ id } = Object(json()));
  });

  it('are listed as their members see them', async () => {
    expect(await run(['rooms', 'list', '--as', '3', '--search', name.slice(5), '--json'], env)).toBe(0);
    expect(json()).toMatchObject([{ id, name, type: 'group', role: 'MEMBER' }]);
    expect(await run(['rooms', 'list', '--as', '3', '--type', 'channel', '--search', name], env)).toBe(0);
    expect(out).toEqual(['no rooms']);
    expect(await run(['rooms', 'list', '--as', '1', '--limit', '1'], env)).toBe(0);
    expect(out.join('\n').split('\n')).toHaveLength(1);
  });

  it('are shown with members and roles, by id and by name', async () => {
    expect(await run(['rooms', 'show', name.toLowerCase(), '--as', '1'], env)).toBe(0);
    expect(out.join('\n')).toMatch(/you are +owner[\s\S]*1 {2}User 1 {2}owner\n.*2 {2}User 2 {2}member/);
    expect(await run(['rooms', 'show', id, '--as', '2', '--json'], env)).toBe(0);
    expect(json()).toMatchObject({ room: { name }, participants: [{ role: 'OWNER' }, { id: 2 }, { id: 3 }] });
  });

  it('get and lose members', async () => {
    expect(await run(['rooms', 'add', name, '--as', '1', '--members', '4-5'], env)).toBe(0);
    expect(out).toEqual(['added']);
    expect(await run(['rooms', 'remove', id, '--as', '1', '--members', '3', '--json'], env)).toBe(0);
    expect(json()).toEqual({ success: true });
    expect(await run(['rooms', 'leave', id, '--as', '2'], env)).toBe(0);
    await run(['rooms', 'show', id, '--as', '1', '--json'], env);
    expect(Object(json()).participants.map((member: { id: number }) => member.id)).toEqual([1, 4, 5]);
  });

  it('of two people are what they were', async () => {
    const argv = ['rooms', 'create', '--as', '5', '--type', 'p2p', '--members', '6'];
    expect(await run(argv, env)).toBe(0);
    const [first] = out;
    expect(await run(argv, env)).toBe(0);
    expect(out).toEqual([first]);
  });

  it('that are not there are named with those that are', async () => {
    expect(await run(['rooms', 'show', 'nowhere', '--as', '1'], env)).toBe(1);
    expect(err.join()).toMatch(/no room of yours is called “nowhere”[\s\S]*group/);
    expect(await run(['rooms', 'remove', id, '--as', '2', '--members', '1'], env)).toBe(1);
    expect(err.join()).toMatch(/^\S*✗/);
  });
});

describe('a service that does not answer', () => {
  it.each([
    ['users', ['users', 'list', '1']],
    ['rooms', ['rooms', 'list', '--as', '1']],
    ['send', ['send', '--as', '1', '--with', '2', 'hello']],
    ['tail', ['tail', '--as', '1']],
  ])('ends %s with 3', async (_name, argv) => {
    expect(await run([...argv, '--url', `http://127.0.0.1:${await freePort()}`], env)).toBe(3);
    expect(err.join()).toContain('no chat service answers at http://127.0.0.1:');
    expect(out).toEqual([]);
  });

  it('is not what a refused token means', async () => {
    expect(await run(['rooms', 'list', '--as', '77'], env)).toBe(1);
    expect(err.join()).toContain('does not accept the token');
  });
});
