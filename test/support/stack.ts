/**
 * `npm run stack [-- [--scylla] [-- COMMAND …]]`: the real servers that the service stands on in production, for development.
 * Starts PostgreSQL, NATS and Redis (with `--scylla` Cassandra, too), applies the schema, and prints the environment for the service, or
 * runs the command in it. All of it ends with Ctrl-C, or with the command, and the data is gone then.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { type ServerKind, startServers, whyMissing } from './servers.ts';

/** Ended by a signal, in the way of shells. */
const SIGNALLED = 128;

const { values, positionals } = parseArgs({
  options: { scylla: { type: 'boolean', default: false } },
  allowPositionals: true,
});
process.exit(await runStack(values.scylla, positionals));

/** Answers with the exit code. */
async function runStack(withScylla: boolean, command: readonly string[]): Promise<number> {
  const kinds: ServerKind[] = ['postgres', 'nats', 'redis', ...(withScylla ? (['cassandra'] as const) : [])];
  const missing = kinds.flatMap((kind) => whyMissing(kind) ?? []);
  if (missing.length > 0) {
    console.error(`can't start: ${missing.join('; ')}`);
    return 1;
  }
  const interrupt = new AbortController();
  let running: ChildProcess | undefined;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // npm passes on what the terminal has told everybody.
      if (interrupt.signal.aborted) return;
      interrupt.abort();
      // A terminal tells the command by itself. Told twice, the service ends at once.
      if (signal === 'SIGTERM' || !process.stdin.isTTY) running?.kill(signal);
    });
  }
  const { addresses, stop } = await startServers(kinds);
  try {
    const environment = environmentOf(addresses);
    /** Runs it to its end. */
    const run = async ([program = '', ...args]: readonly string[]): Promise<number> => {
      if (interrupt.signal.aborted) return 0;
      running = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...environment } });
      const [code] = await once(running, 'exit');
      return typeof code === 'number' ? code : SIGNALLED;
    };
    const migrated = await run([process.execPath, 'src/main.ts', 'migrate']);
    if (migrated !== 0) return migrated;
    if (command.length > 0) return await run(command);
    for (const [name, value] of Object.entries(environment)) console.log(`export ${name}='${value}'`);
    console.error('\nready; Ctrl-C ends the servers and deletes their data');
    await untilAborted(interrupt.signal);
    return 0;
  } finally {
    await stop();
  }
}

/** Settings of a service that uses those servers. */
function environmentOf(
  addresses: Readonly<Partial<Record<ServerKind, string>>>,
): Readonly<Record<string, string>> {
  const { postgres = '', nats = '', redis = '', cassandra } = addresses;
  return {
    DATABASE_URL: postgres,
    NATS_URL: nats,
    REDIS_URL: redis,
    ...(cassandra === undefined ? {} : { SCYLLA_HOSTS: cassandra, USE_SCYLLADB: 'true' }),
    DEMO_DATA: 'true',
  };
}

/** Keeps the process alive until then: nothing else does. */
async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const alive = setInterval(() => undefined, 60_000);
  await once(signal, 'abort');
  clearInterval(alive);
}
