import { errors } from 'cassandra-driver';
import { ChatError } from '../../../chat/errors.ts';
import { pause } from '../../../lifecycle.ts';
import { isStoreUnavailable } from '../guard.ts';
import type { Mutation, ScyllaSession } from '../session.ts';

/** Work that is ended because a store is away; its text is for the operator. */
export class StoreOutage extends Error {
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'StoreOutage';
  }
}

const FIRST_BACKOFF_MS = 250;
const LAST_BACKOFF_MS = 5_000;

/** Writes, and waits while the store is away. Any number of writes may be under way. */
export interface PatientWriter {
  /** Rejects with a StoreOutage when nothing could be written for too long, and with what the store says when it refuses. */
  write(mutations: readonly Mutation[]): Promise<void>;
}

/**
 * A writer that gives up when a write was in vain for `outageMs`, or when `signal` aborts. `onWait` is told at the beginning of
 * each outage.
 */
export function createPatientWriter(
  session: ScyllaSession,
  options: { readonly outageMs: number; readonly signal: AbortSignal; readonly onWait: () => void },
): PatientWriter {
  const { outageMs, signal, onWait } = options;
  let isWaiting = false;
  return {
    async write(mutations) {
      const deadline = Date.now() + outageMs;
      for (let backoffMs = FIRST_BACKOFF_MS; ; backoffMs = Math.min(LAST_BACKOFF_MS, 2 * backoffMs)) {
        signal.throwIfAborted();
        try {
          await session.write(mutations);
          isWaiting = false;
          return;
        } catch (error) {
          if (!isStoreUnavailable(error)) throw error;
          if (Date.now() >= deadline) throw outage(outageMs, error);
          if (!isWaiting) onWait();
          isWaiting = true;
          await pause(Math.min(backoffMs, outageMs), signal);
        }
      }
    },
  };
}

function outage(outageMs: number, cause: unknown): StoreOutage {
  return new StoreOutage(`Scylla did not answer for ${Math.round(outageMs / 1000)} s`, { cause });
}

/** Why something was refused, for an operator: never what was in it. */
export function reasonOf(error: unknown): string {
  const cause = error instanceof ChatError ? (error.cause ?? error) : error;
  // Others tell which value they did not like.
  if (cause instanceof errors.ResponseError || isPostgresError(cause)) return cause.message.slice(0, 200);
  return cause instanceof Error ? cause.name : 'unknown';
}

function isPostgresError(error: unknown): error is Error {
  return error instanceof Error && 'severity' in error;
}
