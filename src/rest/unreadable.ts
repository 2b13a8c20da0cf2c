import { Code, ConnectError } from '@connectrpc/connect';

/** What a request is refused with that can't be read: what the framework itself throws, so that the gate words it for both. */
export function unreadable(): ConnectError {
  return new ConnectError('invalid_request_data', Code.InvalidArgument);
}
