import { Code, ConnectError } from '@connectrpc/connect';
import { ClientClosedError, QueueFullError } from '../../client/client.ts';
import { ActionError } from './model.ts';

/** What `call` answers; rejects with an ActionError whose text tells a person what is wrong. */
export async function asAction<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw error instanceof ActionError ? error : new ActionError(inWords(error), { cause: error });
  }
}

/** What was asked for is not there, or not for this user any more. */
export function isGone(error: unknown): boolean {
  return ConnectError.from(error).code === Code.NotFound;
}

/** A failure in words, without a full stop. */
export function inWords(error: unknown): string {
  if (error instanceof ActionError) return error.message;
  if (error instanceof QueueFullError) return 'Too many messages wait for the service';
  if (error instanceof ClientClosedError) return 'The chat was closed';
  const { code, rawMessage, cause } = ConnectError.from(error);
  if (cause instanceof TypeError) return 'There is no connection to the service';
  switch (code) {
    case Code.InvalidArgument:
      return 'The service does not allow this here, or it is too long';
    case Code.NotFound:
      return 'It is not there any more, or you may not do this here';
    case Code.PermissionDenied:
      return 'Only its author may do this';
    case Code.Unauthenticated:
      return rawMessage === 'token_expired'
        ? 'Your sign-in has expired: sign in again'
        : 'The service does not accept your token';
    case Code.ResourceExhausted:
      return rawMessage === 'invalid_request_data'
        ? 'This is too long'
        : 'Too much in too short a time: try again in a moment';
    case Code.DeadlineExceeded:
    case Code.Unavailable:
    case Code.Canceled:
      return 'The service is out of reach';
    case Code.Aborted:
      return 'Another window of yours has taken over the stream';
    default:
      return 'The service had a problem: try again';
  }
}
