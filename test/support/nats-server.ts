import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { freePort } from './ports.ts';

/** A throw-away NATS server with JetStream on a port of its own. */
export interface NatsServer {
  readonly url: string;
  readonly pid: number;
  /** The folder that it stores in. */
  readonly store: string;
  /** Kills it (SIGKILL) and keeps its store. */
  kill(): Promise<void>;
  /** Starts it again on the same port; `wipe` empties its store first. */
  restart(options?: { readonly wipe?: boolean }): Promise<void>;
  /** Stops it and deletes its store. */
  stop(): Promise<void>;
}

/** The `nats-server` on PATH; undefined when there is none. */
export function findNats(): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'nats-server'))
    .find((file) => existsSync(file));
}

/** Starts a NATS server with an empty JetStream store. */
export async function startNats(): Promise<NatsServer> {
  const bin = findNats();
  if (bin === undefined) throw new Error('nats-server is not on PATH');
  const dir = mkdtempSync(join(tmpdir(), 'chat-nats-'));
  const store = join(dir, 'store');
  const port = await freePort();
  const launch = async (): Promise<ChildProcess> => {
    const child = spawn(bin, ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', store], {
      cwd: dir,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    await untilReady(child);
    return child;
  };
  let child = await launch();
  return {
    url: `nats://127.0.0.1:${port}`,
    get pid() {
      return child.pid ?? 0;
    },
    store,
    async kill() {
      await end(child, 'SIGKILL');
    },
    async restart(options = {}) {
      if (options.wipe === true) rmSync(store, { recursive: true, force: true });
      child = await launch();
    },
    async stop() {
      await end(child, 'SIGKILL');
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function untilReady(child: ChildProcess): Promise<void> {
  let log = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr?.on('data', (chunk) => {
      log += String(chunk);
      if (log.includes('Server is ready')) resolve();
    });
    child.once('exit', () => reject(new Error(`nats-server ended: ${log}`)));
  });
  child.stderr?.removeAllListeners('data');
  child.stderr?.resume();
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, 'exit');
}
