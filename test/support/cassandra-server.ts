import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Client } from 'cassandra-driver';
import { freePort } from './ports.ts';
import { end, guard, pause } from './server-process.ts';

const READY_MS = 120_000;
const POLL_MS = 50;
/** How much of its log a server keeps. */
const LOG_CHARACTERS = 64 * 1024;
const ERROR_CHARACTERS = 4 * 1024;

/** A throw-away Apache Cassandra with one node on a port of its own; its data centre is `datacenter1`. */
export interface CassandraServer {
  /** As the driver wants it: `127.0.0.1:port`. */
  readonly contactPoint: string;
  readonly pid: number;
  /** Kills it (SIGKILL) and keeps its data, for {@link CassandraServer.restart}. */
  kill(): Promise<void>;
  /** Starts it again on the same port with the same data. */
  restart(): Promise<void>;
  /** Stands still (SIGSTOP): connections stay open and nothing answers. */
  pause(): void;
  /** Goes on after {@link CassandraServer.pause}. */
  resume(): void;
  /** Stops it and deletes its data. */
  stop(): Promise<void>;
  /** The end of its log, for diagnosis. */
  output(): string;
}

/** What {@link startCassandra} can do differently. */
export interface CassandraOptions {
  /**
   * As a node of a cluster runs, for benchmarks: compiled at the highest level, and the commit log reaches the disk every ten seconds,
   * because replicas stand in for it. Otherwise what was acknowledged outlives a kill.
   */
  readonly asClusterNode?: boolean;
  /** The schema is kept in memory alone: it is made and dropped faster, but a killed server can't be restarted. */
  readonly volatileSchema?: boolean;
}

/**
 * The folder whose `lib` holds Cassandra: CASSANDRA_HOME, or what `.ci/install-cassandra` keeps;
 * undefined when there is none, or no Java that it runs on.
 */
export function findCassandra(): string | undefined {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'connect-chat');
  const folders = [
    process.env.CASSANDRA_HOME ?? '',
    ...namesIn(cache, 'cassandra-').map((name) => join(cache, name)),
  ];
  const found = folders.find((folder) => folder !== '' && existsSync(join(folder, 'lib')));
  return found !== undefined && findJava() !== undefined ? found : undefined;
}

/** Starts a Cassandra without any keyspace. */
export async function startCassandra(options: CassandraOptions = {}): Promise<CassandraServer> {
  const home = findCassandra();
  const java = findJava();
  if (home === undefined || java === undefined) {
    throw new Error(
      'cassandra: not in CASSANDRA_HOME, not installed by .ci/install-cassandra, or no Java 11 or 17',
    );
  }
  const dir = mkdtempSync(join(tmpdir(), 'chat-cassandra-'));
  const [port, storagePort] = await Promise.all([freePort(), freePort()]);
  const contactPoint = `127.0.0.1:${port}`;
  const config = join(dir, 'cassandra.yaml');
  writeFileSync(config, settings({ dir, port, storagePort, asClusterNode: options.asClusterNode === true }));
  const logging = join(dir, 'logback.xml');
  writeFileSync(logging, LOGBACK);
  const args = [
    ...JVM,
    // Where native libraries are unpacked.
    `-Djava.io.tmpdir=${dir}`,
    `-Djna.tmpdir=${dir}`,
    `-Dcassandra.storagedir=${dir}`,
    `-Dcassandra.config=${pathToFileURL(config)}`,
    `-Dlogback.configurationFile=${logging}`,
    ...(options.asClusterNode === true ? [] : ['-Dcassandra.skip_sync=true', '-XX:TieredStopAtLevel=1']),
    ...(options.volatileSchema === true ? ['-Dcassandra.unsafesystem=true'] : []),
    '-cp',
    join(home, 'lib', '*'),
    'org.apache.cassandra.service.CassandraDaemon',
  ];
  let log = '';
  const launch = async (): Promise<ChildProcess> => {
    log = '';
    const child = spawn(java, args, { cwd: dir, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        log = (log + String(chunk)).slice(-LOG_CHARACTERS);
      });
    }
    // A JVM that is left over costs too much memory.
    guard(child, dir);
    try {
      await untilReady(child, contactPoint, () => log);
    } catch (error) {
      await end(child, 'SIGKILL');
      throw error;
    }
    return child;
  };
  let child = await launch().catch((error: unknown) => {
    rmSync(dir, { recursive: true, force: true });
    throw error;
  });
  return {
    contactPoint,
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
    output: () => log,
  };
}

/** Cassandra 5 runs on Java 11 and 17 and on nothing newer: of JAVA_HOME, PATH and Debian's folder, the first one that fits. */
function findJava(): string | undefined {
  const debian = '/usr/lib/jvm';
  const folders = [
    ...(process.env.JAVA_HOME ? [join(process.env.JAVA_HOME, 'bin')] : []),
    ...(process.env.PATH ?? '').split(delimiter),
    ...namesIn(debian, 'java-17-').map((name) => join(debian, name, 'bin')),
  ];
  return folders
    .map((folder) => join(folder, 'java'))
    .find((file) => existsSync(file) && /version "1[17][."]/.test(versionOf(file)));
}

function versionOf(java: string): string {
  return spawnSync(java, ['-version'], { encoding: 'utf8' }).stderr;
}

function namesIn(folder: string, prefix: string): string[] {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names.filter((name) => name.startsWith(prefix));
}

async function untilReady(child: ChildProcess, contactPoint: string, log: () => string): Promise<void> {
  const deadline = Date.now() + READY_MS;
  const fail = (what: string): Error => new Error(`cassandra ${what}: ${log().slice(-ERROR_CHARACTERS)}`);
  const ended = new AbortController();
  child.once('error', () => ended.abort());
  child.once('exit', () => ended.abort());
  while (!(await answers(contactPoint))) {
    if (ended.signal.aborted) throw fail('ended');
    if (Date.now() > deadline) throw fail('is not ready in time');
    await delay(POLL_MS, undefined, { signal: ended.signal }).catch(() => undefined);
  }
}

/** Whether a client can connect. */
async function answers(contactPoint: string): Promise<boolean> {
  const client = new Client({ contactPoints: [contactPoint], localDataCenter: 'datacenter1' });
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.shutdown();
  }
}

/** One small node that keeps to the loopback address. What is not named has Cassandra's own default, its limits above all. */
function settings(at: {
  readonly dir: string;
  readonly port: number;
  readonly storagePort: number;
  readonly asClusterNode: boolean;
}): string {
  const folder = (name: string): string => JSON.stringify(join(at.dir, name));
  return `
cluster_name: test
num_tokens: 1
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
listen_address: 127.0.0.1
storage_port: ${at.storagePort}
rpc_address: 127.0.0.1
native_transport_port: ${at.port}
start_native_transport: true
native_transport_max_threads: 64
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters: [{ seeds: "127.0.0.1:${at.storagePort}" }]
data_file_directories: [${folder('data')}]
commitlog_directory: ${folder('commitlog')}
saved_caches_directory: ${folder('caches')}
hints_directory: ${folder('hints')}
cdc_raw_directory: ${folder('cdc')}
${at.asClusterNode ? PERIODIC : UNTIL_KILLED}
commitlog_segment_size: 16MiB
memtable_heap_space: 128MiB
memtable_offheap_space: 64MiB
key_cache_size: 0MiB
file_cache_size: 64MiB
networking_cache_size: 32MiB
concurrent_reads: 32
concurrent_writes: 32
disk_optimization_strategy: ssd
# A snapshot of each table that is dropped would outlive the test that dropped it.
auto_snapshot: false
paxos_variant: v2
`;
}

const PERIODIC = `
commitlog_sync: periodic
commitlog_sync_period: 10000ms`;

/** The default, periodic, acknowledges what a kill of the process would still lose. */
const UNTIL_KILLED = `
commitlog_sync: batch
# By default, each table that is written to takes a megabyte at once: too much for the tables of many tests.
memtable_allocation_type: unslabbed_heap_buffers`;

const LOGBACK = `
<configuration>
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%-5level %date{HH:mm:ss.SSS} %logger{0} %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="out"/></root>
</configuration>
`;

/** What Cassandra's own start script opens for Java 11 and 17, in a small heap, without the waits that a cluster needs. */
const JVM: readonly string[] = [
  // The part of the heap that is there from the start gets locked in memory.
  '-Xms128m',
  '-Xmx768m',
  '-Xss512k',
  '-XX:+UseSerialGC',
  '-XX:-UsePerfData',
  '-Djdk.attach.allowAttachSelf=true',
  '-Dcassandra.ring_delay_ms=0',
  '-Dcassandra.skip_wait_for_gossip_to_settle=0',
  '-Dcassandra.superuser_setup_delay_ms=0',
  // Estimated anew at each start otherwise, to this very number and for more than a second.
  '-Dcassandra.memtable.row_overhead_size=180',
  ...[
    'java.base/java.lang.ref',
    'java.base/jdk.internal.misc',
    'java.base/jdk.internal.perf',
    'java.base/jdk.internal.ref',
    'java.base/sun.nio.ch',
    'java.management.rmi/com.sun.jmx.remote.internal.rmi',
    'java.rmi/sun.rmi.registry',
    'java.rmi/sun.rmi.server',
    'java.rmi/sun.rmi.transport.tcp',
    'java.sql/java.sql',
  ].map((name) => `--add-exports=${name}=ALL-UNNAMED`),
  ...[
    'java.base/java.io',
    'java.base/java.lang',
    'java.base/java.lang.module',
    'java.base/java.nio',
    'java.base/java.util',
    'java.base/java.util.concurrent',
    'java.base/java.util.concurrent.atomic',
    'java.base/jdk.internal.loader',
    'java.base/jdk.internal.math',
    'java.base/jdk.internal.module',
    'java.base/jdk.internal.ref',
    'java.base/jdk.internal.reflect',
    'java.base/jdk.internal.util.jar',
    'java.base/sun.nio.ch',
    'jdk.management/com.sun.management.internal',
  ].map((name) => `--add-opens=${name}=ALL-UNNAMED`),
];
