import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { TEST_JWT_SECRET } from './app.ts';
import { NO_RATE_LIMITS } from './no-limits.ts';
import { freePort } from './ports.ts';
import { end } from './server-process.ts';

/** The service as a process of its own, as an operator starts and ends it. */
export interface ServiceProcess {
  /** The same after each start. */
  readonly url: string;
  readonly child: ChildProcess;
  /** What it has logged since it was last started. */
  log(): string;
  /** Starts it again on the same port; resolves when it listens. */
  start(): Promise<void>;
  /** SIGTERM; resolves to the exit code. */
  terminate(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Stands still (SIGSTOP): connections stay open and nothing answers. */
  pause(): void;
  /** Goes on after {@link ServiceProcess.pause}. */
  resume(): void;
}

/** Starts it without limits; `env` is all of its other settings beside address and keys. */
export async function startServiceProcess(env: Readonly<Record<string, string>>): Promise<ServiceProcess> {
  const port = await freePort();
  let log = '';
  const launch = async (): Promise<ChildProcess> => {
    log = '';
    const started = spawn(process.execPath, ['src/main.ts', 'serve'], {
      env: {
        PATH: process.env.PATH,
        SERVER_ADDRESS: `127.0.0.1:${port}`,
        JWT_SECRET: TEST_JWT_SECRET,
        CHAT_KEY: '0'.repeat(64),
        CHAT_IV: '0'.repeat(32),
        ...NO_RATE_LIMITS,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    await new Promise<void>((resolve, reject) => {
      for (const stream of [started.stdout, started.stderr]) {
        stream.on('data', (chunk) => {
          log += String(chunk);
          if (log.includes('listening')) resolve();
        });
      }
      started.once('exit', () => reject(new Error(`the service ended: ${log}`)));
    });
    return started;
  };
  let child = await launch();
  return {
    url: `http://127.0.0.1:${port}`,
    get child() {
      return child;
    },
    log: () => log,
    async start() {
      child = await launch();
    },
    async terminate() {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      const [code] = await exited;
      return code;
    },
    async kill() {
      await end(child, 'SIGKILL');
    },
    pause() {
      child.kill('SIGSTOP');
    },
    resume() {
      child.kill('SIGCONT');
    },
  };
}
