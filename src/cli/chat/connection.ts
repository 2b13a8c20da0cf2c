import { Code, ConnectError } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import {
  type ChatClient,
  type ChatClientOptions,
  createChatClient,
  QueueFullError,
} from '../../client/client.ts';
import { CommandError, UnreachableError } from '../command.ts';
import { harmless } from './text.ts';

/** The calls of the service. */
export type ChatRpc = ChatClient['rpc'];

/** Lines that may wait for the service. */
const MAX_WAITING = 100;

/** A client of the service at `url`. */
export function connectTo(url: string, clientId: string, token: ChatClientOptions['token']): ChatClient {
  return createChatClient({
    baseUrl: url,
    transport: createConnectTransport({ baseUrl: url, httpVersion: '1.1' }),
    token,
    clientId,
    // Somebody sits there and waits.
    backoff: { maxMs: 5_000 },
    queue: { maxMessages: MAX_WAITING },
  });
}

/** A failed call in words for the person at the terminal. */
export function inWords(error: unknown, url: string): CommandError {
  if (error instanceof CommandError) return error;
  const { code, rawMessage } = ConnectError.from(error);
  switch (code) {
    case Code.Unavailable:
      return new UnreachableError(
        `no chat service answers at ${url}: start it with npm start, or name another one with --url`,
        { cause: error },
      );
    case Code.Unauthenticated:
      return new CommandError(
        rawMessage === 'token_expired'
          ? 'the token has expired: start again'
          : 'the service does not accept the token: does this user exist, and does the service use the same DATA_DIR or JWT_SECRET?',
        { cause: error },
      );
    case Code.NotFound:
      return new CommandError('there is no such room, or this user is not a member of it', { cause: error });
    default:
      return new CommandError(`the service at ${url} answered: ${Code[code]} ${rawMessage}`, {
        cause: error,
      });
  }
}

/** Why something that the user asked for can't be, in words. */
export function failureInWords(error: unknown): string {
  if (error instanceof CommandError) return error.message;
  const { code, rawMessage } = ConnectError.from(error);
  if (code === Code.Unavailable || code === Code.DeadlineExceeded) return 'the service does not answer now';
  if (code === Code.PermissionDenied || code === Code.InvalidArgument)
    return 'the service does not allow that';
  if (code === Code.NotFound) return 'that is not there, or not for you';
  return harmless(`the service answered ${rawMessage}`);
}

/** Why a line was not sent, in words. */
export function refusalInWords(error: unknown): string {
  if (error instanceof QueueFullError) return 'not sent: too many lines wait for the service';
  const { code, rawMessage } = ConnectError.from(error);
  if (code === Code.InvalidArgument) return 'not sent: you may not write here, or it is too long';
  if (code === Code.NotFound) return 'not sent: you are not in this room any more';
  return harmless(`not sent: ${rawMessage}`);
}
