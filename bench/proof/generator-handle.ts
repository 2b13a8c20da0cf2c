import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type {
  GeneratorCommand,
  GeneratorEvent,
  GeneratorJob,
  GeneratorResult,
  Tick,
} from './generator-protocol.ts';

/** What is told of a run while it lasts. */
export interface RunObserver {
  /** All streams are open and the ramp begins; epoch milliseconds. */
  readonly open: (at: number, tell: (command: GeneratorCommand) => void) => void;
  readonly tick: (tick: Tick) => void;
}

/** Has the job done by a process of its own; rejects when it fails or the signal aborts. */
export async function runGenerator(
  job: GeneratorJob,
  observer: RunObserver,
  signal: AbortSignal,
): Promise<GeneratorResult> {
  const child = fork(fileURLToPath(new URL('generator-process.ts', import.meta.url)));
  const tell = (command: GeneratorCommand): void => {
    if (child.connected) child.send(command);
  };
  const stop = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', stop);
  try {
    return await new Promise<GeneratorResult>((resolve, reject) => {
      child.on('message', (event: GeneratorEvent) => {
        if (event.kind === 'open') observer.open(event.at, tell);
        if (event.kind === 'tick') observer.tick(event.tick);
        if (event.kind === 'result') resolve(event.result);
        if (event.kind === 'failed') reject(new Error(`the load generator: ${event.text}`));
      });
      child.once('error', reject);
      child.once('exit', () => reject(new Error('the load generator has ended')));
      if (signal.aborted) stop();
      tell(job);
    });
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}
