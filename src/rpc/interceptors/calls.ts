import {
  Code,
  ConnectError,
  type Interceptor,
  type StreamRequest,
  type StreamResponse,
  type UnaryRequest,
  type UnaryResponse,
} from '@connectrpc/connect';
import { ChatError } from '../../chat/errors.ts';
import type { Logger } from '../../logger.ts';
import { callKey } from '../context.ts';
import { assertCleanStrings } from './clean-strings.ts';
import { type ErrorOrigin, refusal, toConnectError, translateFrameworkError } from './errors.ts';
import { logged, originOf } from './gate.ts';

/** What the interceptor needs. */
export interface CallsDeps {
  /** Aborts when open streams shall end; unary calls are finished. */
  readonly streamsEnd: AbortSignal;
  readonly logger: Logger;
}

/**
 * Stands around every implementation, streams included: checks the request's text, ends streams when the service stops,
 * and translates what is thrown. An AbortError that escapes becomes what aborted the call: deadline, shutdown or cancellation.
 */
export function createCallsInterceptor(deps: CallsDeps): Interceptor {
  return (next) => async (request) => {
    const call = request.contextValues.get(callKey);
    const origin = originOf(request, call?.caller?.client.clientId);
    const around: Around = {
      origin,
      succeed() {
        if (call !== undefined) call.succeeded = true;
      },
      translate: (error, signal) =>
        logged(toConnectError(abortCause(error, signal), origin), call, deps.logger),
    };
    return request.stream
      ? aroundStream(request, next, around, deps.streamsEnd)
      : aroundUnary(request, next, around);
  };
}

type Next = ReturnType<Interceptor>;

/** What both kinds of call share. */
interface Around {
  readonly origin: ErrorOrigin;
  succeed(): void;
  translate(error: unknown, signal: AbortSignal): ConnectError;
}

async function aroundUnary(
  request: UnaryRequest,
  next: Next,
  around: Around,
): Promise<UnaryResponse | StreamResponse> {
  try {
    assertCleanStrings(request.message);
    const response = await next(request);
    around.succeed();
    return response;
  } catch (error) {
    throw around.translate(error, request.signal);
  }
}

async function aroundStream(
  request: StreamRequest,
  next: Next,
  around: Around,
  streamsEnd: AbortSignal,
): Promise<UnaryResponse | StreamResponse> {
  const link = linkSignals(request.signal, streamsEnd, () => refusal('shutting_down', around.origin));
  try {
    const message = checked(request.message, around.origin);
    const response = await next({ ...request, signal: link.signal, message });
    if (!response.stream) return response;
    return { ...response, message: guarded(response.message, link, around) };
  } catch (error) {
    link.release();
    throw around.translate(error, link.signal);
  }
}

/** The response messages of a stream; ends with what aborted it, also when the implementation just returns then. */
async function* guarded(
  messages: StreamResponse['message'],
  link: LinkedSignal,
  around: Around,
): StreamResponse['message'] {
  try {
    yield* messages;
    link.signal.throwIfAborted();
    around.succeed();
  } catch (error) {
    throw around.translate(error, link.signal);
  } finally {
    link.release();
  }
}

/** The request messages of a stream; what can't be read is the caller's fault. */
async function* checked(messages: StreamRequest['message'], origin: ErrorOrigin): StreamRequest['message'] {
  try {
    for await (const message of messages) {
      assertCleanStrings(message);
      yield message;
    }
  } catch (error) {
    if (error instanceof ConnectError) translateFrameworkError(error, origin, 'request');
    throw error;
  }
}

interface LinkedSignal {
  readonly signal: AbortSignal;
  release(): void;
}

/** Follows two signals until `release`, without leaving anything behind on the long-lived one. */
function linkSignals(
  request: AbortSignal,
  streamsEnd: AbortSignal,
  endReason: () => ConnectError,
): LinkedSignal {
  const controller = new AbortController();
  const onRequest = (): void => controller.abort(request.reason);
  const onEnd = (): void => controller.abort(endReason());
  request.addEventListener('abort', onRequest, { once: true });
  streamsEnd.addEventListener('abort', onEnd, { once: true });
  if (request.aborted) onRequest();
  else if (streamsEnd.aborted) onEnd();
  return {
    signal: controller.signal,
    release() {
      request.removeEventListener('abort', onRequest);
      streamsEnd.removeEventListener('abort', onEnd);
    },
  };
}

/** After an abort, what aborted; a refusal of the chat stays what it is. */
function abortCause(error: unknown, signal: AbortSignal): unknown {
  if (!signal.aborted || error instanceof ChatError || error instanceof ConnectError) return error;
  if (signal.reason instanceof ConnectError) return signal.reason;
  return new ConnectError('canceled', Code.Canceled, undefined, undefined, error);
}
