import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect';
import type { ActiveUsers } from '../../auth/active-users.ts';
import type { Caller } from '../../auth/caller.ts';
import { clientParamsOf, cookie } from '../../auth/client-params.ts';
import type { TokenVerifier } from '../../auth/token-verifier.ts';
import { ChatError } from '../../chat/errors.ts';
import { UsersService } from '../../gen/services/users/v1/service_pb.ts';
import type { Logger } from '../../logger.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { Tracing } from '../../tracing/tracing.ts';
import { endCall } from '../call-span.ts';
import { type Call, callKey } from '../context.ts';
import { type ErrorOrigin, refusal, toConnectError, translateFrameworkError } from './errors.ts';
import { createPatience, type PatienceDeps } from './patience.ts';

/** What the gate needs. */
export interface GateDeps extends PatienceDeps {
  readonly verifier: Pick<TokenVerifier, 'verify'>;
  readonly activeUsers: ActiveUsers;
  readonly cookies: { readonly session: string; readonly clientId: string };
  /** Aborts when no new stream may open any more. */
  readonly draining: AbortSignal;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'rpcRequests' | 'rpcDuration'>;
  /** Undefined: nothing is traced. */
  readonly tracing?: Tracing | undefined;
}

/**
 * Runs for every RPC before its body is read: verifies the caller, so that nobody else's bytes are parsed, and starts the
 * record of the call. It also sees the end of the call, whatever ended it: the context's signal aborts exactly once, with the error
 * before that is written to the client, without one after success. There errors of the framework get their documented
 * text, and the one log line of the RPC is written: method, code, duration, user, client and request id, never content.
 */
export function createGate(deps: GateDeps): (context: HandlerContext) => Promise<void> {
  const patience = createPatience(deps);
  return async (context) => {
    const call: Call = {
      requestId: context.requestHeader.get('x-request-id') ?? '',
      startedAt: performance.now(),
      span: deps.tracing?.current(),
      caller: undefined,
      succeeded: false,
    };
    context.values.set(callKey, call);
    const client = clientParamsOf(context.requestHeader, deps.cookies.clientId);
    const origin = originOf(context, client.clientId);
    context.signal.addEventListener('abort', () => finish(context, call, origin, deps), {
      once: true,
    });
    if (deps.draining.aborted && context.method.methodKind === 'server_streaming') {
      throw refusal('shutting_down', origin);
    }
    patience.check(context, origin);
    try {
      call.caller = { ...(await authenticate(context, deps)), client };
    } catch (error) {
      await patience.failed(context, origin, error);
      throw logged(toConnectError(error, origin), call, deps.logger);
    }
  };
}

async function authenticate(context: HandlerContext, deps: GateDeps): Promise<Omit<Caller, 'client'>> {
  const identity = await deps.verifier.verify(tokenOf(context.requestHeader, deps.cookies.session));
  const isAdministration = context.service.typeName === UsersService.typeName;
  // An administrator need not exist as a user, so that an empty database can be filled.
  const mayBeUnknown = isAdministration && identity.isAdmin;
  if (!mayBeUnknown && !(await deps.activeUsers.isActive(identity.userId)))
    throw new ChatError('invalid_token');
  if (isAdministration && !identity.isAdmin) throw new ChatError('permission_denied');
  return identity;
}

/** The bearer token, else the session cookie; empty when there is neither. The scheme is spelled exactly so. */
function tokenOf(headers: Headers, sessionCookie: string): string {
  const authorization = headers.get('authorization');
  if (authorization?.startsWith('Bearer ') === true) return authorization.slice('Bearer '.length).trim();
  return cookie(headers, sessionCookie) ?? '';
}

/** What the detail of an error of this call tells. */
export function originOf(
  { service, method }: Pick<HandlerContext, 'service' | 'method'>,
  clientId: string | undefined,
): ErrorOrigin {
  return { procedure: `/${service.typeName}/${method.name}`, clientId };
}

/** Logs what is behind an internal error, once; hands the error on. */
export function logged(error: ConnectError, call: Call | undefined, logger: Logger): ConnectError {
  if (error.code === Code.Internal)
    logger.error({ err: error.cause, requestId: call?.requestId }, 'call failed');
  return error;
}

function finish(
  context: HandlerContext,
  call: Call,
  origin: ErrorOrigin,
  { logger, metrics }: GateDeps,
): void {
  const reason: unknown = context.signal.reason;
  if (reason instanceof ConnectError) {
    translateFrameworkError(reason, origin, call.succeeded ? 'response' : 'request');
  }
  const method = origin.procedure;
  const code = outcome(call, reason);
  const ms = performance.now() - call.startedAt;
  metrics.rpcRequests.inc({ method, code });
  // How long a stream lives says nothing about the service.
  if (context.method.methodKind === 'unary') metrics.rpcDuration.observe({ method, code }, ms / 1000);
  logger.info(
    {
      method,
      code,
      durationMs: Math.round(ms * 10) / 10,
      userId: call.caller?.userId,
      clientId: origin.clientId,
      requestId: call.requestId,
      traceId: call.span?.traceId,
      spanId: call.span?.spanId,
    },
    'rpc',
  );
  endCall(context, code);
}

/** `ok`, or the Connect code in its wire spelling. A signal without a Connect error before success: the client left. */
function outcome(call: Call, reason: unknown): string {
  if (call.succeeded) return 'ok';
  const code = reason instanceof ConnectError ? reason.code : Code.Canceled;
  return (Code[code] ?? 'Unknown').replace(/(?<=[a-z])[A-Z]/g, '_$&').toLowerCase();
}
