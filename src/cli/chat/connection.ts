import { type Client, Code, ConnectError, createClient, type Interceptor } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { ChatService } from '../../gen/services/chat/v1/service_pb.ts';
import { CommandError } from '../command.ts';

export type ChatClient = Client<typeof ChatService>;

/** A Connect client of the service at `url`; every call carries a token and the client id. */
export function connectTo(url: string, clientId: string, token: string): ChatClient {
  const identify: Interceptor = (next) => async (request) => {
    request.header.set('Authorization', `Bearer ${token}`);
    request.header.set('X-Client-Id', clientId);
    return await next(request);
  };
  const transport = createConnectTransport({ baseUrl: url, httpVersion: '1.1', interceptors: [identify] });
  return createClient(ChatService, transport);
}

/** How long to wait before the next try. */
export function backOffMs(attempt: number): number {
  return Math.min(250 * 2 ** attempt, 5_000);
}

/** The same call may work later: the service is away, busy or in trouble. */
export function isTemporary(error: unknown): boolean {
  const { code, rawMessage } = ConnectError.from(error);
  // The other use of this code is a message that is too large.
  if (code === Code.ResourceExhausted) return rawMessage === 'rate limit exceeded';
  const temporary = [
    Code.Unavailable,
    Code.DeadlineExceeded,
    Code.Canceled,
    Code.Aborted,
    Code.Unknown,
    Code.Internal,
  ];
  return temporary.includes(code);
}

/** A failed call in words for the person at the terminal. */
export function inWords(error: unknown, url: string): CommandError {
  if (error instanceof CommandError) return error;
  const { code, rawMessage } = ConnectError.from(error);
  switch (code) {
    case Code.Unavailable:
      return new CommandError(
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
