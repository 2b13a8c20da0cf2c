import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { findOnPath } from './path.ts';
import { freePort } from './ports.ts';
import { end, guard, pause, untilPrinted } from './server-process.ts';

/** A throw-away Redis on a port of its own. It writes nothing to the disk. */
export interface RedisServer {
  /** With the password, when there is one. */
  readonly url: string;
  readonly pid: number;
  /** Kills it (SIGKILL); what it held is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same port, empty. */
  restart(): Promise<void>;
  /** Stands still (SIGSTOP): connections stay open and nothing answers. */
  pause(): void;
  /** Goes on after {@link RedisServer.pause}. */
  resume(): void;
  /** Stops it. */
  stop(): Promise<void>;
}

/** What {@link startRedis} can do differently. */
export interface RedisOptions {
  /** The password that clients have to show; none is wanted without it. */
  readonly requirepass?: string;
  /** A cluster of this one node, which has all slots. Needs Redis 7. */
  readonly cluster?: boolean;
}

/** The `redis-server` on PATH; undefined when there is none. */
export function findRedis(): string | undefined {
  return findOnPath('redis-server');
}

/** Starts an empty Redis. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const bin = findRedis();
  if (bin === undefined) throw new Error('redis-server is not on PATH');
  const { requirepass, cluster = false } = options;
  const dir = mkdtempSync(join(tmpdir(), 'chat-redis-'));
  const port = await freePort();
  const args = [
    ...['--bind', '127.0.0.1', '--port', String(port), '--dir', dir, '--save', '', '--appendonly', 'no'],
    ...(requirepass === undefined ? [] : ['--requirepass', requirepass]),
    // By default the port may be one that there is not, and a node that knows no other does not know its address.
    ...(cluster ? ['--cluster-enabled', 'yes', '--cluster-port', String(await freePort())] : []),
    ...(cluster ? ['--cluster-announce-ip', '127.0.0.1'] : []),
  ];
  const login = requirepass === undefined ? '' : `:${encodeURIComponent(requirepass)}@`;
  const url = `redis://${login}127.0.0.1:${port}`;
  const launch = async (): Promise<ChildProcess> => {
    const child = spawn(bin, args, { cwd: dir, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    guard(child, dir);
    await untilPrinted(child, 'Ready to accept connections');
    if (cluster) await ownAllSlots(url);
    return child;
  };
  let child = await launch();
  return {
    url,
    get pid() {
      return child.pid ?? 0;
    },
    async kill() {
      await end(child, 'SIGKILL');
    },
    async restart() {
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
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function ownAllSlots(url: string): Promise<void> {
  const redis = new Redis(url);
  await redis.cluster('ADDSLOTSRANGE', 0, 16_383);
  while (!String(await redis.cluster('INFO')).includes('cluster_state:ok')) await setImmediate();
  redis.disconnect();
}
