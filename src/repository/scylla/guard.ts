import { errors, types } from 'cassandra-driver';
import { type BreakerState, createBreaker, isBreakerOpen } from '../../breaker.ts';
import { ChatError } from '../../chat/errors.ts';
import type { Logger } from '../../logger.ts';

/** Stands between callers and the driver: see the invariants of session.ts. */
export interface ScyllaGuard {
  run<T>(request: () => Promise<T>): Promise<T>;
  /** Requests are refused at once unless it is closed. */
  state(): BreakerState;
}

const ATTEMPTS = 2;

/** A guard in its normal state. What opens and closes it is logged once. */
export function createScyllaGuard(
  options: { readonly breakerFailures: number; readonly breakerResetMs: number },
  logger: Logger,
): ScyllaGuard {
  const breaker = createBreaker({
    failures: options.breakerFailures,
    resetMs: options.breakerResetMs,
    isFailure: isOutage,
    onOpen: (error) => logger.error({ err: error }, 'Scylla does not answer: requests are refused'),
    onClose: () => logger.info('Scylla answers again'),
  });
  return {
    state: () => breaker.state(),
    async run(request) {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await breaker.run(request);
        } catch (error) {
          const again = attempt < ATTEMPTS && isOutage(error) && breaker.state() === 'closed';
          if (!again) throw asChatError(error);
        }
      }
    },
  };
}

/** The store could not be asked, or nobody knows whether it did what it was asked. */
export function storeUnavailable(cause: unknown): ChatError {
  return new ChatError('store_unavailable', { cause });
}

/** Whether a call failed because of that. */
export function isStoreUnavailable(error: unknown): boolean {
  return error instanceof ChatError && error.reason === 'store_unavailable';
}

function asChatError(error: unknown): ChatError {
  if (error instanceof ChatError) return error;
  if (isOutage(error) || isBreakerOpen(error)) return storeUnavailable(error);
  return new ChatError('internal_server_error', { cause: error });
}

const { responseErrorCodes } = types;
/** Answers that speak of the state of the cluster, not of the statement. */
const OUTAGES: ReadonlySet<number> = new Set([
  responseErrorCodes.serverError,
  responseErrorCodes.unavailableException,
  responseErrorCodes.overloaded,
  responseErrorCodes.isBootstrapping,
  responseErrorCodes.truncateError,
  responseErrorCodes.writeTimeout,
  responseErrorCodes.readTimeout,
  responseErrorCodes.readFailure,
  responseErrorCodes.writeFailure,
  responseErrorCodes.clientWriteFailure,
]);

function isOutage(error: unknown): boolean {
  if (error instanceof errors.ResponseError) return OUTAGES.has(error.code);
  return (
    error instanceof errors.NoHostAvailableError ||
    error instanceof errors.OperationTimedOutError ||
    error instanceof errors.BusyConnectionError ||
    // A socket that broke under a request.
    (error instanceof Error && 'isSocketError' in error)
  );
}
