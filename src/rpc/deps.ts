import type { HandlerContext } from '@connectrpc/connect';
import type { Caller } from '../auth/caller.ts';
import type { Chat } from '../chat/chat.ts';
import type { Logger } from '../logger.ts';
import type { Streams } from '../streams/streams.ts';
import { callerOf } from './context.ts';

/** What the routes stand on. */
export interface RpcDeps {
  readonly chat: Chat;
  readonly streams: Pick<Streams, 'open'>;
  readonly logger: Logger;
}

/** A handler that hands caller and request to a rule and answers what it answers. */
export function unary<I, O>(
  rule: (caller: Caller, request: I) => Promise<O>,
): (request: I, context: HandlerContext) => Promise<O> {
  return (request, context) => rule(callerOf(context), request);
}
