/**
 * Runs the README's commands as a reader would, against the service that they start, and compares what they print.
 *
 * An HTML comment before a shell block says how: `ci: service` runs until the end, `ci: follow` runs beside the blocks after it,
 * `ci: run` has to end well (those share one shell, as in one terminal), `ci: database` too, with an empty database in place of the one
 * that it names, `ci: chat` is typed into.
 * A block after `ci: prints` is what the block before it prints, one after `ci: shows` what `ci: follow` does; `…` stands for anything.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../test/support/ports.ts';
import { startPostgres } from '../test/support/postgres-server.ts';

const TIMEOUT_MS = 120_000;
const STOP_MS = 12_000;
/** As the README has it; another one when it is taken on this machine. */
const README_ADDRESS = '127.0.0.1:8080';

/** A command at work, in a process group of its own, and what it has printed so far. */
type Running = { readonly child: ChildProcess; readonly output: () => string };
/** A shell block of the README and the comment before it. */
type Block = { readonly how: string; readonly text: string };

const address = (await isFree(8080)) ? README_ADDRESS : `127.0.0.1:${await freePort()}`;
const dataDir = mkdtempSync(join(tmpdir(), 'chat-readme-'));
const groups: ChildProcess[] = [];
const terminal = start(['-eu', '-o', 'pipefail']);
let service: Running | undefined;

try {
  let printed: () => string = () => '';
  let followed = printed;
  for (const { how, text } of blocksOf(readFileSync('README.md', 'utf8'))) {
    if (how === 'prints' || how === 'shows') {
      const output = how === 'prints' ? printed : followed;
      await until(
        () => matches(output(), text),
        () => `expected:\n${text}\nbut got:\n${output()}`,
      );
      continue;
    }
    console.log(`\n${text.trimEnd().replace(/^/gm, '$ ')}`);
    printed = await perform({ how, text: here(text) });
    if (how === 'follow') followed = printed;
  }
  await stopService();
  console.log("\nREADME's commands work, and the service ended with exit code 0");
} catch (error) {
  if (service !== undefined) console.error(`the service printed:\n${service.output()}`);
  throw error;
} finally {
  for (const child of groups) signalGroup(child, 'SIGKILL');
  rmSync(dataDir, { recursive: true, force: true });
}

/** Runs a block; resolves to what tells its output. */
async function perform({ how, text }: Block): Promise<() => string> {
  switch (how) {
    case 'service':
      return await startService(text);
    case 'follow':
      return await follow(text);
    case 'run':
      return await runInTerminal(text);
    case 'database':
      return await runOnDatabase(text);
    case 'chat':
      return await chat(text);
    default:
      throw new Error(`README.md says "ci: ${how}", and nobody knows what that means`);
  }
}

async function startService(text: string): Promise<() => string> {
  // This process runs from the folder that npm ci would empty; it was done before.
  const running = start(['-c', text.replace('npm ci\n', '')]);
  service = running;
  await until(async () => {
    if (running.child.exitCode !== null) throw new Error('the service ended');
    const answer = await fetch(`http://${address}/readyz`).catch(() => undefined);
    return answer?.status === 200;
  });
  console.log(running.output());
  return running.output;
}

/** As a process manager does: tells the service itself, and looks at how `npm start` ends then. */
async function stopService(): Promise<void> {
  if (service === undefined) throw new Error('README.md starts no service');
  const { child } = service;
  const exited = once(child, 'exit');
  process.kill(serverPid(child), 'SIGTERM');
  const [code] = await Promise.race([exited, sleep(STOP_MS, ['no exit in time'])]);
  if (code !== 0) throw new Error(`the service ended with ${code}`);
}

/** npm and its shell run the service in their process group. */
function serverPid(child: ChildProcess): number {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const group = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')[2];
      const [, script = ''] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      if (Number(group) === child.pid && script.endsWith('src/main.ts')) return Number(pid);
    } catch {
      // A process that has just ended.
    }
  }
  throw new Error('the service does not run');
}

async function follow(text: string): Promise<() => string> {
  const { child, output } = start(['-eu', '-o', 'pipefail', '-c', text]);
  await until(
    () => output() !== '' || child.exitCode !== null,
    () => 'it prints nothing',
  );
  if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}:\n${output()}`);
  return output;
}

async function runInTerminal(text: string): Promise<() => string> {
  const from = terminal.output().length;
  const end = `--- done ${from} ---`;
  terminal.child.stdin?.write(`{ ${text}\n} </dev/null\necho '${end}'\n`);
  await until(
    () => terminal.output().includes(end) || terminal.child.exitCode !== null,
    () => `it does not end:\n${terminal.output().slice(from)}`,
  );
  const printed = terminal.output().slice(from).replace(end, '').trim();
  console.log(printed);
  if (terminal.child.exitCode !== null) throw new Error(`it ended with ${terminal.child.exitCode}`);
  return () => printed;
}

async function runOnDatabase(text: string): Promise<() => string> {
  const postgres = await startPostgres();
  try {
    return await runInTerminal(text.replace(/postgres:\/\/\S+/, postgres.url));
  } finally {
    await postgres.stop();
  }
}

/** Types a line, waits until the conversation shows it, and leaves. */
async function chat(text: string): Promise<() => string> {
  const line = 'Good morning from the README';
  const { child, output } = start([
    '-c',
    address === README_ADDRESS ? text : `${text.trimEnd()} --url http://${address}`,
  ]);
  child.stdin?.write(`${line}\n`);
  await until(
    () => output().includes(line),
    () => `it does not show what was typed:\n${output()}`,
  );
  const exited = once(child, 'exit');
  child.stdin?.end();
  const [code] = await Promise.race([exited, sleep(STOP_MS, ['no exit in time'])]);
  if (code !== 0) throw new Error(`it ended with ${code}:\n${output()}`);
  console.log(output());
  return output;
}

function start(args: readonly string[]): Running {
  const child = spawn('bash', args, {
    detached: true,
    env: { ...process.env, SERVER_ADDRESS: address, DATA_DIR: dataDir },
    stdio: 'pipe',
  });
  groups.push(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      text += String(chunk);
    });
  }
  return { child, output: () => text };
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The whole group has ended.
  }
}

function* blocksOf(readme: string): Generator<Block> {
  for (const [, how = '', text = ''] of readme.matchAll(/^<!-- ci: (.+) -->\n```\w+\n([\s\S]*?)^```$/gm)) {
    yield { how, text };
  }
}

function here(text: string): string {
  return text.replaceAll(README_ADDRESS, address);
}

/** White space counts as such, whatever its length; `…` stands for anything. */
function matches(printed: string, expected: string): boolean {
  const pattern = here(expected)
    .trim()
    .split('…')
    .map((part) =>
      part
        .split(/\s+/)
        .map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
        .join('\\s*'),
    )
    .join('[\\s\\S]*?');
  return new RegExp(pattern).test(printed);
}

async function until(
  check: () => boolean | Promise<boolean>,
  problem: () => string = () => 'it does not get ready',
): Promise<void> {
  const deadline = Date.now() + TIMEOUT_MS;
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error(problem());
    await sleep(50);
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const listening = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (listening) await new Promise((resolve) => server.close(resolve));
  return listening;
}
