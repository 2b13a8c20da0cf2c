import { createContextKey, type HandlerContext } from '@connectrpc/connect';
import type { Caller } from '../auth/caller.ts';
import { ChatError } from '../chat/errors.ts';
import type { Span } from '../tracing/tracing.ts';

/** Who calls, as the request gate found out. Throws `invalid_token` when no gate ran. */
export function callerOf(context: Pick<HandlerContext, 'values'>): Caller {
  const caller = context.values.get(callKey)?.caller;
  if (caller === undefined) throw new ChatError('invalid_token');
  return caller;
}

/** The id of the request, for logs; also in the response header `x-request-id`. */
export function requestIdOf(context: Pick<HandlerContext, 'values'>): string {
  return context.values.get(callKey)?.requestId ?? '';
}

/** What is known about one RPC while it runs. */
export interface Call {
  readonly requestId: string;
  /** `performance.now()` at its start. */
  readonly startedAt: number;
  /** Undefined when nothing is traced. */
  readonly span: Span | undefined;
  /** Set once the caller is verified. */
  caller: Caller | undefined;
  /** The implementation ended well; tells the end of a call from the loss of its client. */
  succeeded: boolean;
}

/** The address at the other end of the connection: of the client, or of a proxy; empty when nobody knows. */
export const peerKey = createContextKey('', { description: 'address of the peer' });

/** Where the record of the running call is kept. */
export const callKey = createContextKey<Call | undefined>(undefined, { description: 'call' });
