import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Of what a server printed, so much is kept for the error text. */
const LOG_CHARACTERS = 16 * 1024;
const PAUSE_MS = 10_000;

/** Resolves when the server has printed `text`; throws with what it printed when it ends before that. */
export async function untilPrinted(child: ChildProcess, text: string): Promise<void> {
  const streams = [child.stdout, child.stderr].filter((stream) => stream !== null);
  let log = '';
  await new Promise<void>((resolve, reject) => {
    for (const stream of streams) {
      stream.on('data', (chunk) => {
        log = (log + String(chunk)).slice(-LOG_CHARACTERS);
        if (log.includes(text)) resolve();
      });
    }
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`${child.spawnfile} ended: ${log}`)));
  });
  for (const stream of streams) stream.removeAllListeners('data').resume();
}

/**
 * Kills the server and deletes its folder when this process ends in any way, SIGKILL included: the guard waits for the end of a pipe
 * that only this process holds, in a group of its own so that Ctrl-C doesn't end it first. `signal` is what ends all of the server.
 */
export function guard(child: ChildProcess, dir: string, signal: 'KILL' | 'QUIT' = 'KILL'): void {
  if (child.pid === undefined) return;
  const script = 'read -r line; kill -s "$1" "$2"; kill -s CONT "$2"; rm -rf "$3"';
  const watcher = spawn('sh', ['-c', script, 'sh', signal, String(child.pid), dir], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.once('exit', () => watcher.kill('SIGKILL'));
}

/** Ends the process and waits for that; nothing happens when it has ended already. A paused one gets to see the signal, too. */
export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  child.kill('SIGCONT');
  await exited;
}

/**
 * Pauses the process (SIGSTOP); nothing happens when it has ended. Every thread of it stands still when this returns: on a busy machine,
 * some would go on answering for a while after they were told.
 */
export function pause(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, 'SIGSTOP');
  } catch {
    // It has just ended.
    return;
  }
  const deadline = Date.now() + PAUSE_MS;
  while (!isPaused(pid)) {
    if (Date.now() > deadline) throw new Error(`process ${pid} does not stand still`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  }
}

/** True of one that has ended, too. */
function isPaused(pid: number): boolean {
  try {
    // The name, in brackets, may hold anything; the state comes after it.
    return readdirSync(`/proc/${pid}/task`).every((thread) =>
      /^[TtZX]/.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8').replace(/^.*\) /s, '')),
    );
  } catch {
    // A thread has just ended, or all of it has.
    return !existsSync(`/proc/${pid}`);
  }
}
