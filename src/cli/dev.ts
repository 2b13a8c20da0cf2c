import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { examineConfig, loadConfig } from '../config.ts';
import { directoryUser } from '../repository/postgres/data-directory-lock.ts';
import { CommandError, EXIT, runCommand, UsageError } from './command.ts';
import { DEV } from './commands/service.ts';
import { usageOf } from './help.ts';
import { urlOf } from './remote.ts';
import { loadSecrets, SECRETS_FILE } from './secrets.ts';
import { runServe } from './serve.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
/** What a service leaves in DATA_DIR. */
const OURS = /^(secrets\.json|pglite|chat\.lock)/;
const READY_TRIES = 120;
const READY_PAUSE_MS = 500;

/** Starts a service to develop with, and answers as serve does. */
export async function runDev(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return await runCommand(usageOf(DEV), async () => {
    const { values } = parseArgs({ args: [...argv], options: DEV.options });
    const file = values['config-file'];
    const devEnv = {
      ...env,
      ...(values.port === undefined ? {} : { SERVER_ADDRESS: `127.0.0.1:${portOf(values.port)}` }),
      ...(values.memory === true ? { DATA_DIR: 'memory:' } : {}),
    };
    // First: in production much else would be missing.
    if (examineConfig(devEnv, file).config.production)
      throw new CommandError('MODE=PROD: that is what serve is for');
    const { config } = loadConfig(devEnv, file);
    if (values.open === true && config.server.port === 0)
      throw new UsageError('--open needs a port that is known before: --port with another one than 0');
    if (values.reset === true) await reset(config.dataDir, values.yes === true);
    if (values.open === true) void openWhenReady(urlOf(config), env.BROWSER);
    const rest = file === undefined ? [] : ['--config-file', file];
    return values.watch === true ? await watch(rest, devEnv) : await runServe(rest, devEnv);
  });
}

function portOf(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new UsageError(`--port "${text}": must be a port, 0 to 65535`);
}

/** Removes what a service left there, and only that. */
async function reset(dataDir: string, isSure: boolean): Promise<void> {
  if (dataDir === 'memory:' || !hasData(dataDir)) return;
  const pid = directoryUser(dataDir);
  if (pid !== undefined)
    throw new CommandError(`${dataDir} is in use by process ${pid}: stop that service first`);
  const foreign = readdirSync(dataDir).filter((name) => !OURS.test(name));
  if (loadSecrets(dataDir) === undefined || foreign.length > 0)
    throw new CommandError(
      `${dataDir} is not removed: ${foreign.length > 0 ? `${foreign.join(', ')} in it is not ours` : `it has no ${SECRETS_FILE}`}`,
    );
  if (!isSure && !(await confirmed(`Remove all users, rooms and messages in ${dataDir}?`)))
    throw new CommandError('nothing is removed');
  rmSync(dataDir, { recursive: true });
}

function hasData(dataDir: string): boolean {
  try {
    return readdirSync(dataDir).length > 0;
  } catch {
    return false;
  }
}

async function confirmed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new UsageError('--reset asks on a terminal; without one it needs --yes');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

/** Node's own watch mode runs the service, and starts it again when a file that it has loaded changes. */
async function watch(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const options = ['--watch', '--watch-preserve-output'];
  const child = spawn(process.execPath, [...options, MAIN, 'serve', ...argv], { env, stdio: 'inherit' });
  // A terminal tells all of its processes of Ctrl-C itself, and the second SIGINT would end the service at once.
  const isTold = [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY);
  process.on('SIGINT', () => void (isTold || child.kill('SIGINT')));
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void child.kill(signal));
  const [code]: (number | null)[] = await once(child, 'exit');
  return code ?? EXIT.ok;
}

/** Opens the web chat when the service answers; says so when there is nothing to open it with. Never rejects. */
async function openWhenReady(url: string, browser: string | undefined): Promise<void> {
  for (let attempt = 0; attempt < READY_TRIES; attempt += 1) {
    const answer = await fetch(`${url}/readyz`).catch(() => undefined);
    if (answer?.ok === true) return open(`${url}/`, browser);
    await sleep(READY_PAUSE_MS);
  }
}

function open(url: string, browser: string | undefined): void {
  const [command = 'xdg-open', ...before] = browserCommand(browser);
  const child = spawn(command, [...before, url], { stdio: 'ignore', detached: true });
  child.once('error', () => console.error(`there is no browser to open: ${url}`));
  child.unref();
}

function browserCommand(browser: string | undefined): string[] {
  if (browser !== undefined && browser !== '') return [browser];
  if (process.platform === 'win32') return ['cmd', '/c', 'start', ''];
  return [process.platform === 'darwin' ? 'open' : 'xdg-open'];
}
