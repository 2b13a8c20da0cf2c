import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const TIMEOUT_MS = 120_000;
const STOP_MS = 12_000;

/** A command at work, in a process group of its own, and what it has printed so far. */
export interface Running {
  readonly child: ChildProcess;
  readonly output: () => string;
}

/** Starts shells with one environment. */
export class Shells {
  readonly #env: NodeJS.ProcessEnv;
  readonly #children: ChildProcess[] = [];

  constructor(env: Readonly<Record<string, string>>) {
    this.#env = { ...process.env, ...env };
  }

  /** bash with these arguments. */
  start(args: readonly string[]): Running {
    const child = spawn('bash', args, { detached: true, env: this.#env, stdio: 'pipe' });
    this.#children.push(child);
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        text += String(chunk);
      });
    }
    return { child, output: () => text };
  }

  /** Kills everything that was started, with all that it started itself. */
  killAll(): void {
    for (const { pid } of this.#children) {
      if (pid === undefined) continue;
      try {
        process.kill(-pid, 'SIGKILL');
      } catch {
        // The whole group has ended.
      }
    }
  }
}

/** Process id and command line of the service in the process group of `child`: npm and its shell run it there. Throws when there is none. */
export function serverIn(child: ChildProcess): { readonly pid: number; readonly command: string } {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const group = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')[2];
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      if (Number(group) === child.pid && words[1]?.endsWith('src/main.ts') === true) {
        return { pid: Number(pid), command: words.join(' ').trim() };
      }
    } catch {
      // A process that has just ended.
    }
  }
  throw new Error('the service does not run');
}

/** Does `end` and waits for the exit code; null when a signal ended it. */
export async function exitCodeAfter(child: ChildProcess, end: () => void): Promise<number | null> {
  const exited = once(child, 'exit');
  end();
  const [code] = await Promise.race([exited, sleep(STOP_MS, ['no exit in time'], { ref: false })]);
  if (typeof code === 'string') throw new Error(code);
  return code;
}

/** Waits two minutes at most; throws with what `problem` tells then. */
export async function until(
  check: () => boolean | Promise<boolean>,
  problem: () => string = () => 'it does not get ready',
): Promise<void> {
  const deadline = Date.now() + TIMEOUT_MS;
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error(problem());
    await sleep(50);
  }
}
