import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { Client } from 'pg';
import { describe, expect, inject, onTestFinished, test } from 'vitest';

const { postgres, nats, redis } = inject('canStart');

/** A stack of its own, and what it has printed so far. */
function startStack(...args: readonly string[]): { stack: ChildProcess; output: () => string } {
  const stack = spawn(process.execPath, ['test/support/stack.ts', ...args], { stdio: 'pipe' });
  onTestFinished(() => {
    stack.kill('SIGKILL');
  });
  let text = '';
  for (const stream of [stack.stdout, stack.stderr]) {
    stream.on('data', (chunk) => {
      text += String(chunk);
    });
  }
  return { stack, output: () => text };
}

/** The variables that it tells to export, when it is ready. */
async function environmentOf(output: () => string): Promise<Record<string, string>> {
  await expect.poll(output, { timeout: 60_000 }).toContain('ready;');
  return Object.fromEntries(
    [...output().matchAll(/^export (\w+)='(.*)'$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
}

/** Everything that the process has started, and what that has. */
function descendantsOf(pid: number | undefined): number[] {
  const parents = new Map(
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => [Number(name), parentOf(name)]),
  );
  const children = [...parents].filter(([, parent]) => parent === pid).map(([child]) => child);
  return children.flatMap((child) => [child, ...descendantsOf(child)]);
}

function parentOf(pid: string): number {
  try {
    return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  } catch {
    // It has just ended.
    return 0;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe.runIf(postgres && nats && redis)('npm run stack', () => {
  test('starts servers with the schema in them, tells how to use them, and ends all of them with Ctrl-C', async () => {
    const { stack, output } = startStack();
    const environment = await environmentOf(output);
    expect(Object.keys(environment)).toEqual(['DATABASE_URL', 'NATS_URL', 'REDIS_URL', 'DEMO_DATA']);
    const client = new Client({ connectionString: environment.DATABASE_URL });
    await client.connect();
    const { rows } = await client.query('SELECT max(version) > 0 AS migrated FROM chat_schema');
    await client.end();
    expect(rows).toEqual([{ migrated: true }]);

    const processes = descendantsOf(stack.pid);
    expect(processes.length).toBeGreaterThanOrEqual(3);
    const exited = once(stack, 'exit');
    stack.kill('SIGINT');
    expect(await exited).toEqual([0, null]);
    await expect.poll(() => processes.filter(isAlive)).toEqual([]);
  });

  test('leaves nothing behind when it is killed', async () => {
    const { stack, output } = startStack();
    await environmentOf(output);
    const processes = descendantsOf(stack.pid);
    stack.kill('SIGKILL');
    await expect.poll(() => processes.filter(isAlive)).toEqual([]);
  });

  test('runs a command in that environment, and ends as it does', async () => {
    const script = 'console.log("on", process.env.REDIS_URL); process.exit(7)';
    const { stack, output } = startStack('--', process.execPath, '-e', script);
    expect(await once(stack, 'exit')).toEqual([7, null]);
    expect(output()).toMatch(/^on redis:\/\/127\.0\.0\.1:\d+$/m);
  });

  test('tells the command of a signal, and waits until it has ended', async () => {
    const script = `
      process.on('SIGTERM', () => setTimeout(() => { console.log('ended well'); process.exit(0); }, 200));
      setInterval(() => {}, 1000);
      console.log('at work');`;
    const { stack, output } = startStack('--', process.execPath, '-e', script);
    await expect.poll(output, { timeout: 60_000 }).toContain('at work');
    const exited = once(stack, 'exit');
    stack.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
    expect(output()).toContain('ended well');
  });
});
