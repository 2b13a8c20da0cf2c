import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { isProgram } from './path.ts';
import { freePort } from './ports.ts';
import { end, guard, pause, untilPrinted } from './server-process.ts';

/** A throw-away PostgreSQL on a port of its own. */
export interface PostgresServer {
  readonly url: string;
  readonly pid: number;
  /** Stops it at once, without a last write (SIGQUIT), and keeps its data, for {@link PostgresServer.restart}. */
  kill(): Promise<void>;
  /** Starts it again on the same port with the same data. */
  restart(): Promise<void>;
  /** Stands still (SIGSTOP), every process of it: connections stay open and nothing answers. */
  pause(): void;
  /** Goes on after {@link PostgresServer.pause}. */
  resume(): void;
  /** Stops it and deletes its data. */
  stop(): Promise<void>;
}

/** The folder with `initdb` and `postgres`: on PATH, or where Debian puts them; undefined when there is none. */
export function findPostgres(): string | undefined {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...(process.env.PATH ?? '').split(delimiter),
    ...versions.map((version) => join(debian, version, 'bin')),
  ];
  return folders.find((folder) => ['initdb', 'postgres'].every((name) => isProgram(join(folder, name))));
}

/** Starts a PostgreSQL with an empty data folder. `durable` keeps fsync on, for benchmarks. */
export async function startPostgres(options: { readonly durable?: boolean } = {}): Promise<PostgresServer> {
  const bin = findPostgres();
  if (bin === undefined) throw new Error('postgres: no initdb on PATH or under /usr/lib/postgresql');
  const dir = mkdtempSync(join(tmpdir(), 'chat-pg-'));
  const user = unprivilegedUser();
  if (user !== undefined) chownSync(dir, user.uid, user.gid);
  const spawnOptions = { ...user, cwd: dir, env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', HOME: dir } };
  const data = join(dir, 'data');
  const init = spawnSync(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'],
    { ...spawnOptions, encoding: 'utf8' },
  );
  if (init.status !== 0) throw new Error(init.stderr || String(init.error));
  const port = await freePort();
  const unsafe = ['-c', 'fsync=off', '-c', 'synchronous_commit=off', '-c', 'full_page_writes=off'];
  const args = [
    ...[
      '-D',
      data,
      '-p',
      String(port),
      '-k',
      dir,
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      'max_connections=200',
    ],
    ...(options.durable === true ? [] : unsafe),
  ];
  const launch = async (): Promise<ChildProcess> => {
    const child = spawn(join(bin, 'postgres'), args, {
      ...spawnOptions,
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    // Of a killed one, the others would stay until they notice.
    guard(child, dir, 'QUIT');
    await untilPrinted(child, 'ready to accept connections');
    return child;
  };
  let child = await launch();
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    get pid() {
      return child.pid ?? 0;
    },
    async kill() {
      resume(child);
      await end(child, 'SIGQUIT');
    },
    async restart() {
      child = await launch();
    },
    pause() {
      // First the one that starts the others: from then on there are no new ones.
      pause(child.pid);
      for (const pid of childrenOf(child)) pause(pid);
    },
    resume() {
      resume(child);
    },
    async stop() {
      resume(child);
      await end(child, 'SIGINT');
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** PostgreSQL refuses to run as root: any other user will do. */
function unprivilegedUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string): number => Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout);
  return { uid: id('-u'), gid: id('-g') };
}

/** A server that was paused can't end otherwise: it waits for its processes, which would never see what it tells them. */
function resume(postgres: ChildProcess): void {
  for (const pid of childrenOf(postgres)) {
    try {
      process.kill(pid, 'SIGCONT');
    } catch {
      // It has just ended.
    }
  }
  postgres.kill('SIGCONT');
}

/** Each connection has a process of its own, and each of those a process group of its own. */
function childrenOf({ pid: parent }: ChildProcess): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && parentOf(name) === parent)
    .map(Number);
}

function parentOf(pid: string): number | undefined {
  try {
    // The name, in brackets, may hold anything.
    return Number(
      readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')[1],
    );
  } catch {
    // It has just ended.
    return undefined;
  }
}
