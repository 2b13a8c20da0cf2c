import { ChatError } from '../../chat/errors.ts';

/** Runs the work behind a port: what a driver throws becomes `internal_server_error` with that error as cause. */
export async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof ChatError ? error : new ChatError('internal_server_error', { cause: error });
  }
}

/**
 * Runs work that others may get in the way of (deadlock, serialization failure) at most `attempts` times.
 * Nothing of a failed attempt is left: the server has rolled it back.
 */
export async function retryConflicts<T>(work: () => Promise<T>, attempts = 5): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt >= attempts || !isConflict(error)) throw error;
    }
  }
}

/** Whether the error is a unique violation, of that constraint or index when one is named. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  return (
    sqlState(error) === '23505' &&
    (constraint === undefined ||
      (error instanceof Error && 'constraint' in error && error.constraint === constraint))
  );
}

function isConflict(error: unknown): boolean {
  const state = sqlState(error);
  return state === '40P01' || state === '40001';
}

function sqlState(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
