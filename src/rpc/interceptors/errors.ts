import { ValueSchema } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { codeToHttpStatus } from '@connectrpc/connect/protocol-connect';
import { ChatError, type Reason } from '../../chat/errors.ts';

/** Connect code of every reason (behaviour 1.1.3). */
export const CODES: Readonly<Record<Reason, Code>> = {
  invalid_token: Code.Unauthenticated,
  token_expired: Code.Unauthenticated,
  invalid_request_data: Code.InvalidArgument,
  client_id_needed: Code.InvalidArgument,
  not_found: Code.NotFound,
  permission_denied: Code.PermissionDenied,
  'rate limit exceeded': Code.ResourceExhausted,
  'too many connections': Code.ResourceExhausted,
  stream_overflow: Code.ResourceExhausted,
  overloaded: Code.ResourceExhausted,
  stream_replaced: Code.Aborted,
  shutting_down: Code.Unavailable,
  store_unavailable: Code.Unavailable,
  internal_server_error: Code.Internal,
};

/** What an error detail tells beside its reason. */
export interface ErrorOrigin {
  /** `/package.Service/Method`. */
  readonly procedure: string;
  readonly clientId: string | undefined;
}

/** The answer to a client for a reason, with the inherited detail. */
export function refusal(reason: Reason, origin: ErrorOrigin, cause?: unknown): ConnectError {
  // Which part of the service is away is nobody's business.
  const text: Reason = reason === 'store_unavailable' ? 'internal_server_error' : reason;
  return withDetail(new ConnectError(text, CODES[reason], undefined, undefined, cause), origin);
}

/** The refusal of a call that was too much, with the time after which it may be repeated: whole seconds, as HTTP has it. */
export function tooMuch(waitMs: number, origin: ErrorOrigin): ConnectError {
  const error = refusal('rate limit exceeded', origin);
  error.metadata.set('retry-after', String(Math.max(1, Math.ceil(waitMs / 1000))));
  return error;
}

/**
 * What a client is told about anything that was thrown: a ChatError by its reason, the framework's own errors
 * (deadline, cancellation) as they are, everything else `internal_server_error` with the error as cause.
 */
export function toConnectError(error: unknown, origin: ErrorOrigin): ConnectError {
  if (error instanceof ChatError) return refusal(error.reason, origin, error.cause ?? error);
  if (error instanceof ConnectError && error.code !== Code.Internal && error.code !== Code.Unknown) {
    return withDetail(error, origin);
  }
  return refusal('internal_server_error', origin, error);
}

/**
 * Gives an error that the framework raised itself its documented code and text, in place. While it read the request:
 * what can't be read is `invalid_argument / invalid_request_data`; what is too large stays `resource_exhausted`.
 * Others (unknown compression, deadline) keep their text. Errors that already carry the detail are left alone.
 */
export function translateFrameworkError(
  error: ConnectError,
  origin: ErrorOrigin,
  phase: 'request' | 'response',
): void {
  if (error.details.length > 0) return;
  const isInternal = error.code === Code.Internal || error.code === Code.Unknown;
  if (isInternal && phase === 'response') rewrite(error, Code.Internal, 'internal_server_error');
  else if (isInternal || error.code === Code.InvalidArgument)
    rewrite(error, Code.InvalidArgument, 'invalid_request_data');
  else if (error.code === Code.ResourceExhausted) rewrite(error, error.code, 'invalid_request_data');
  withDetail(error, origin);
}

function rewrite(error: ConnectError, code: Code, rawMessage: Reason): void {
  Object.assign(error, { code, rawMessage, message: rawMessage });
}

/** Adds the inherited `google.protobuf.Value` detail, once. */
function withDetail(error: ConnectError, { procedure, clientId }: ErrorOrigin): ConnectError {
  if (error.details.length > 0) return error;
  const info = {
    type: 'error',
    HTTPStatusCode: codeToHttpStatus(error.code),
    apiErrorCode: error.code,
    ...(clientId === undefined ? {} : { ClientId: clientId }),
    message: error.rawMessage,
  };
  const text = `${procedure}:responseInfo:${Buffer.from(JSON.stringify(info)).toString('base64')}`;
  error.details.push({ desc: ValueSchema, value: { kind: { case: 'stringValue', value: text } } });
  return error;
}
