import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../test/support/ports.ts';
import type { FloorCommand, FloorReady } from './floors/floor-protocol.ts';
import type { LoadEvent, LoadJob } from './load-protocol.ts';

/** The longest that a load process may take for its next event. */
const LOAD_TIMEOUT_MS = 120_000;

/** A load process at work. */
export interface Load {
  /** The next event of that kind; rejects when the process fails. */
  next<K extends LoadEvent['kind']>(kind: K): Promise<Extract<LoadEvent, { kind: K }>>;
  stop(): Promise<void>;
}

/** Starts a process that does the job. */
export function startLoad(job: LoadJob): Load {
  const child = fork(fileURLToPath(new URL('load-process.ts', import.meta.url)));
  const events: LoadEvent[] = [];
  child.on('message', (event: LoadEvent) => events.push(event));
  child.send(job);
  return {
    async next(kind) {
      for (;;) {
        const failed = events.find((event) => event.kind === 'failed');
        if (failed?.kind === 'failed') throw new Error(`load process: ${failed.text}`);
        const found = events.find((event) => event.kind === kind);
        if (found !== undefined) {
          events.splice(events.indexOf(found), 1);
          // Found by its kind.
          return found as Extract<LoadEvent, { kind: typeof kind }>;
        }
        if (child.exitCode !== null) throw new Error(`load process ended with ${child.exitCode}`);
        await news(child, kind);
      }
    },
    stop: () => end(child, 'SIGKILL'),
  };
}

/** Resolves when the process says something or ends; rejects when it does neither for too long. */
async function news(child: ChildProcess, expected: string): Promise<void> {
  const heard = new AbortController();
  const { signal } = heard;
  const tooLate = sleep(LOAD_TIMEOUT_MS, undefined, { signal }).then(() => {
    throw new Error(`load process: waited too long for "${expected}"`);
  });
  try {
    await Promise.race([once(child, 'message', { signal }), once(child, 'exit', { signal }), tooLate]);
  } finally {
    heard.abort();
  }
}

/** Runs a job to the event that ends it. */
export async function runLoad<K extends 'load' | 'latency'>(
  kind: K,
  job: LoadJob,
): Promise<Extract<LoadEvent, { kind: K }>> {
  const load = startLoad(job);
  try {
    return await load.next(kind);
  } finally {
    await load.stop();
  }
}

/** The bare servers that the service is compared with, in a process of their own. */
export interface FloorServer extends FloorReady {
  readonly pid: number;
  ask(command: FloorCommand): void;
  stop(): Promise<void>;
}

/** Starts the floor server. */
export async function startFloorServer(): Promise<FloorServer> {
  const child = fork(fileURLToPath(new URL('floors/floor-server.ts', import.meta.url)));
  const [ready]: [FloorReady] = await Promise.race([
    once(child, 'message') as Promise<[FloorReady]>,
    once(child, 'exit').then(() => Promise.reject(new Error('the floor server ended'))),
  ]);
  return {
    ...ready,
    pid: child.pid ?? 0,
    ask: (command) => child.send(command),
    stop: () => end(child, 'SIGKILL'),
  };
}

/** The service, as its users start it, in a process of its own. */
export interface ChatServer {
  readonly port: number;
  readonly pid: number;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same port; resolves when it is ready. */
  restart(): Promise<void>;
  /** Stops it as an operator would; rejects when it does not end cleanly. */
  stop(): Promise<void>;
}

/**
 * Brings the database up to date, unless it is the embedded one, and starts the service; resolves when it is ready. `logFd` is an open
 * file for what it logs; without one it logs where this process does.
 */
export async function startChatServer(
  settings: Readonly<Record<string, string>>,
  logFd: number | 'inherit' = 'inherit',
): Promise<ChatServer> {
  const port = await freePort();
  const env = { PATH: process.env.PATH, ...settings, SERVER_ADDRESS: `127.0.0.1:${port}` };
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
  if (settings.DATABASE_URL !== undefined) await migrate(main, env);
  const launch = async (): Promise<ChildProcess> => {
    const started = spawn(process.execPath, [main, 'serve'], { env, stdio: ['ignore', logFd, logFd] });
    await untilReady(started, port);
    return started;
  };
  let child = await launch();
  return {
    port,
    get pid() {
      return child.pid ?? 0;
    },
    kill: () => end(child, 'SIGKILL'),
    async restart() {
      child = await launch();
    },
    async stop() {
      await end(child, 'SIGTERM');
      if (child.exitCode !== 0) throw new Error(`the service ended with ${child.exitCode}`);
    },
  };
}

async function migrate(main: string, env: NodeJS.ProcessEnv): Promise<void> {
  const migration = spawn(process.execPath, [main, 'migrate'], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = await once(migration, 'exit');
  if (code !== 0) throw new Error(`migrate ended with ${code}`);
}

/** Resident memory of a process, bytes. */
export function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1]) * 1024;
}

async function untilReady(child: ChildProcess, port: number): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    if (child.exitCode !== null) throw new Error(`the service ended with ${child.exitCode}`);
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.status === 200) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  child.kill('SIGKILL');
  throw new Error('the service did not become ready within 30 s');
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
}
