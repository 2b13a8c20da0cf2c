/**
 * Every way in which a rule of the chat refuses a call. The text is what the client reads,
 * but for `store_unavailable`: a store is away, or did not say in time whether it did what it was asked.
 */
export type Reason =
  | 'invalid_token'
  | 'token_expired'
  | 'invalid_request_data'
  | 'client_id_needed'
  | 'not_found'
  | 'permission_denied'
  | 'rate limit exceeded'
  | 'too many connections'
  | 'stream_replaced'
  | 'stream_overflow'
  | 'overloaded'
  | 'shutting_down'
  | 'store_unavailable'
  | 'internal_server_error';

/**
 * A refusal with a documented reason. Translated to a Connect code once, in the error interceptor.
 * `cause` holds what is behind it (a driver's error); it goes to the log, never to a client.
 */
export class ChatError extends Error {
  readonly reason: Reason;

  constructor(reason: Reason, options?: { readonly cause?: unknown }) {
    super(reason, options);
    this.name = 'ChatError';
    this.reason = reason;
  }
}

/** The caller's input breaks a documented rule. */
export function invalidRequest(): ChatError {
  return new ChatError('invalid_request_data');
}

/** The thing does not exist, or the caller may not know that it does. */
export function notFound(): ChatError {
  return new ChatError('not_found');
}
