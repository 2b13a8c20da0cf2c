/**
 * A long-lived part of the process.
 * `stop` is awaited, may be called twice, and may be called before or while `start` runs.
 */
export interface Service {
  /** Resolves when the part is ready to be used; rejects when it can't be. */
  start(): Promise<void>;
  /** Resolves when everything the part held is released. `deadline` aborts what still waits. */
  stop(deadline?: AbortSignal): Promise<void>;
}

/** Starts services in order; when one fails, stops those already started, in reverse, and rethrows. */
export async function startAll(services: readonly Service[]): Promise<void> {
  const started: Service[] = [];
  for (const service of services) {
    try {
      await service.start();
      started.push(service);
    } catch (error) {
      await stopAll([...started, service], 5_000);
      throw error;
    }
  }
}

/**
 * Stops services in reverse order within `timeoutMs` in all. A failure of one does not keep the others
 * from being stopped; the failures are returned. After the deadline the rest is told to stop but not awaited.
 */
export async function stopAll(services: readonly Service[], timeoutMs: number): Promise<unknown[]> {
  const deadline = AbortSignal.timeout(timeoutMs);
  const expired = new Promise<void>((resolve) =>
    deadline.addEventListener('abort', () => resolve(), { once: true }),
  );
  const failures: unknown[] = [];
  for (const service of services.toReversed()) {
    const stopping = service.stop(deadline).catch((error: unknown) => {
      failures.push(error);
    });
    await Promise.race([stopping, expired]);
  }
  return failures;
}

/** Waits; ends early, without an error, when the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = (): void => resolve();
  const timer = setTimeout(end, ms);
  signal.addEventListener('abort', end);
  await promise;
  clearTimeout(timer);
  signal.removeEventListener('abort', end);
}

/** Resolves to undefined when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined), { once: true }));
}

/** What the work answers within so many milliseconds, else `otherwise`: also when it fails. Its signal aborts when the time is over. */
export async function within<T>(
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
  otherwise: T,
): Promise<T> {
  const signal = AbortSignal.timeout(ms);
  try {
    return await Promise.race([work(signal), aborted(signal).then(() => otherwise)]);
  } catch {
    return otherwise;
  }
}
