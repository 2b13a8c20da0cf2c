import { constants } from 'node:fs';
import { access, readFile, stat, statfs } from 'node:fs/promises';
import packageJson from '../../../package.json' with { type: 'json' };
import type { Config } from '../../config.ts';
import { directoryUser } from '../../repository/postgres/data-directory-lock.ts';
import { MAX_CONNECTIONS } from '../../server/http-server.ts';
import type { Finding } from './finding.ts';
import { bytes } from './words.ts';

const NEEDED_NODE = 24;
/** Files, log, libraries and connections to brokers that a process has open besides. */
const SPARE_DESCRIPTORS = 100;
/** A disk with less room is about to be full. */
const LOW_BYTES = 1e9;
const EMPTY_BYTES = 1e8;

/** What would run, and what the system lets it have. */
export async function machineFindings({ database }: Config): Promise<Finding[]> {
  return [
    { group: 'machine', name: 'service', state: 'ok', text: `connect-chat ${packageJson.version}` },
    nodeFinding(process.versions.node),
    descriptorFinding(await openFilesLimit(), database.maxConnections),
  ];
}

function nodeFinding(version: string): Finding {
  const isOld = Number(version.split('.')[0]) < NEEDED_NODE;
  return {
    group: 'machine',
    name: 'node',
    state: isOld ? 'fail' : 'ok',
    text: `Node ${version}`,
    data: { version },
    ...(isOld ? { todo: `use Node ${NEEDED_NODE} or newer` } : {}),
  };
}

/** What a limit on open files (undefined: none, or unknown here) means for connections, beside `pool` of them to the database. */
export function descriptorFinding(limit: number | undefined, pool: number): Finding {
  const common = { group: 'machine', name: 'files' } as const;
  if (limit === undefined)
    return { ...common, state: 'ok', text: 'no limit on open files is known', data: { limit: null } };
  const clients = Math.max(0, limit - pool - SPARE_DESCRIPTORS);
  const data = { limit, clients, maxConnections: MAX_CONNECTIONS };
  if (clients >= MAX_CONNECTIONS) {
    const text = `${limit} open files: enough for all ${MAX_CONNECTIONS} connections that the server takes`;
    return { ...common, state: 'ok', text, data };
  }
  return {
    ...common,
    state: 'warn',
    text: `${limit} open files: enough for ${clients} connections, the server takes ${MAX_CONNECTIONS}`,
    todo: `raise it where the service is started (ulimit -n, LimitNOFILE=, ulimits:) to ${MAX_CONNECTIONS + pool + SPARE_DESCRIPTORS}`,
    data,
  };
}

/** Of this process, which Node has raised to what is allowed, as it does for the service. */
async function openFilesLimit(): Promise<number | undefined> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  return soft === undefined ? undefined : Number(soft);
}

/** Where embedded data and generated secrets are kept; nothing when nothing is. */
export async function dataFindings(config: Config): Promise<Finding[]> {
  const { database, dataDir, auth, masterKey } = config;
  const isEmbedded = database.url === undefined;
  if (!isEmbedded && auth.keys !== undefined && masterKey !== undefined) return [];
  const common = { group: 'data', name: 'folder' } as const;
  if (dataDir === 'memory:') {
    const text = 'memory: nothing is kept, neither messages nor secrets';
    return [{ ...common, state: 'warn', text, todo: 'set DATA_DIR to a folder, unless that is meant' }];
  }
  const found = await stat(dataDir).catch(() => undefined);
  if (found === undefined)
    return [{ ...common, state: 'ok', text: `${dataDir} is not there yet, and is made at first start` }];
  const isWritable = await access(dataDir, constants.W_OK).then(
    () => true,
    () => false,
  );
  if (!found.isDirectory() || !isWritable) {
    const text = `${dataDir} ${found.isDirectory() ? 'is not writable' : 'is no folder'}`;
    const todo = 'give it to the user that the service runs as, or set DATA_DIR to another one';
    return [{ ...common, state: 'fail', text, todo }];
  }
  return [
    { ...common, state: 'ok', text: `${dataDir} is writable` },
    await roomFinding(dataDir),
    ...(isEmbedded ? [takenFinding(dataDir)] : []),
  ];
}

async function roomFinding(dataDir: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(dataDir);
  const free = bavail * bsize;
  const state = free < EMPTY_BYTES ? 'fail' : free < LOW_BYTES ? 'warn' : 'ok';
  const text = `${bytes(free)} are free on its disk`;
  const todo = state === 'ok' ? {} : { todo: 'make room: nothing can be stored on a full disk' };
  return { group: 'data', name: 'disk', state, text, ...todo, data: { freeBytes: free } };
}

/** The database in it is never opened here: that would keep a service from starting, and write to it. */
function takenFinding(dataDir: string): Finding {
  const pid = directoryUser(dataDir);
  const text =
    pid === undefined
      ? 'not in use; the embedded database is not opened here, and brings its schema up to date at each start'
      : `in use by process ${pid}, so the embedded database is not opened here; ask that one: /readyz?verbose`;
  return { group: 'data', name: 'database', state: 'ok', text, data: { pid: pid ?? null } };
}
