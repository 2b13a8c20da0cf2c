import { Code, ConnectError } from '@connectrpc/connect';
import type { UniversalHandler } from '@connectrpc/connect/protocol';
import { errorFromJsonBytes } from '@connectrpc/connect/protocol-connect';
import type { HttpRequest, HttpResponse } from '../server/exchange.ts';
import { answerData, answerError, answerRefusal, passHeaders } from './envelope.ts';
import { isJson } from './request-body.ts';
import { requestMessage } from './request-message.ts';
import type { RestRule } from './rules.ts';
import { bodyOf, type ClientIdCookie, introduce, universalCall } from './universal-call.ts';

/** What plain HTTP calls stand on. */
export interface UnaryDeps {
  /** Of one request message, after decompression. */
  readonly maxRequestBytes: number;
  readonly cookie: ClientIdCookie;
}

/** A request as its route sees it: what the path and the query say, still encoded. */
export interface RestRequest {
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  readonly variables: readonly string[];
  readonly query: string;
}

/** Serves a rule by its method's handler: what the handler does about callers, limits, logs and errors happens once, for every protocol. */
export async function serveUnary(
  { request, response, variables, query }: RestRequest,
  rule: RestRule,
  handler: UniversalHandler,
  { maxRequestBytes, cookie }: UnaryDeps,
): Promise<void> {
  const clientId = introduce(request, response, cookie);
  if (rule.body !== '' && !isJson(request.headers['content-type'])) {
    return await answerRefusal(request, response, 415);
  }
  const answer = await handler(
    universalCall(
      { request, response },
      {
        contentType: 'application/json',
        body: () => requestMessage({ rule, variables, query }, request, maxRequestBytes),
        ...(clientId === undefined ? {} : { headers: { 'x-client-id': clientId } }),
      },
    ),
  );
  const bytes = await bodyOf(answer);
  const header = new Headers(answer.header);
  if (answer.status === 200) {
    passHeaders(response, header);
    return await answerData(request, response, bytes);
  }
  const unknown = new ConnectError('internal_server_error', Code.Internal);
  await answerError(request, response, errorFromJsonBytes(bytes, header, unknown));
}
