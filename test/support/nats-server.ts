import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findOnPath } from './path.ts';
import { freePort } from './ports.ts';
import { end, guard, pause, untilPrinted } from './server-process.ts';

/** A throw-away NATS server with JetStream on a port of its own. */
export interface NatsServer {
  readonly url: string;
  readonly pid: number;
  /** The folder that it stores in. */
  readonly store: string;
  /** Kills it (SIGKILL) and keeps its store. */
  kill(): Promise<void>;
  /** Starts it again on the same port; `wipe` empties its store first, `maxFileStore` is from now on what it may store. */
  restart(options?: { readonly wipe?: boolean; readonly maxFileStore?: number }): Promise<void>;
  /** Stands still (SIGSTOP): connections stay open and nothing answers. */
  pause(): void;
  /** Goes on after {@link NatsServer.pause}. */
  resume(): void;
  /** Stops it and deletes its store. */
  stop(): Promise<void>;
}

/** What {@link startNats} can do differently. */
export interface NatsOptions {
  /** An existing folder in which the store is made, a small file system that can be filled for example; the temporary folder. */
  readonly storeIn?: string;
  /**
   * Bytes that JetStream may store in files. Without it, the server takes three quarters of what is free when it starts,
   * so that a full disk shows only when this is more than the disk has.
   */
  readonly maxFileStore?: number;
}

/** The `nats-server` on PATH; undefined when there is none. */
export function findNats(): string | undefined {
  return findOnPath('nats-server');
}

/** Starts a NATS server with an empty JetStream store. */
export async function startNats(options: NatsOptions = {}): Promise<NatsServer> {
  const bin = findNats();
  if (bin === undefined) throw new Error('nats-server is not on PATH');
  const { storeIn, maxFileStore } = options;
  const dir = mkdtempSync(join(tmpdir(), 'chat-nats-'));
  // Only what is made here gets deleted.
  const store = storeIn === undefined ? join(dir, 'store') : mkdtempSync(join(storeIn, 'chat-nats-'));
  const port = await freePort();
  const config = join(dir, 'nats.conf');
  const configure = (bytes: number | undefined): void => {
    const limit = bytes === undefined ? '' : `max_file_store: ${bytes}`;
    writeFileSync(config, `jetstream { store_dir: ${JSON.stringify(store)}\n${limit} }\n`);
  };
  configure(maxFileStore);
  const launch = async (): Promise<ChildProcess> => {
    const child = spawn(bin, ['-a', '127.0.0.1', '-p', String(port), '-c', config], {
      cwd: dir,
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    guard(child, dir);
    await untilPrinted(child, 'Server is ready');
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
      if (options.maxFileStore !== undefined) configure(options.maxFileStore);
      child = await launch();
    },
    pause() {
      pause(child.pid);
    },
    resume() {
      child.kill('SIGCONT');
    },
    async stop() {
      await end(child, 'SIGKILL');
      for (const folder of [store, dir]) rmSync(folder, { recursive: true, force: true });
    },
  };
}
