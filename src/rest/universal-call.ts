import { randomUUID } from 'node:crypto';
import { type ContextValues, createContextValues } from '@connectrpc/connect';
import {
  readAllBytes,
  type UniversalServerRequest,
  type UniversalServerResponse,
} from '@connectrpc/connect/protocol';
import { universalRequestFromNodeRequest } from '@connectrpc/connect-node';
import { clientParamsOf } from '../auth/client-params.ts';
import { peerKey } from '../rpc/context.ts';
import type { HttpRequest, HttpResponse } from '../server/exchange.ts';

/** The cookie that hands out client ids. */
export interface ClientIdCookie {
  readonly name: string;
  /** It goes over TLS only. */
  readonly secure: boolean;
  /** Undefined: the host that was asked. */
  readonly domain: string | undefined;
}

/** What of the HTTP request is about its own message. */
const OWN_HEADERS = [
  ...['content-length', 'content-encoding', 'accept-encoding', 'connect-protocol-version'],
  // May hold a token.
  'sec-websocket-protocol',
];

/**
 * The same request as the call of a procedure in the Connect protocol, for the handlers that serve procedures: with the caller's headers, address and
 * deadline, and the end of the connection as its signal. `body` is asked for when the handler reads.
 */
export function universalCall(
  exchange: { readonly request: HttpRequest; readonly response: HttpResponse },
  call: {
    readonly contentType: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body: () => Promise<Uint8Array>;
    readonly values?: ContextValues;
  },
): UniversalServerRequest {
  const { request, response } = exchange;
  const values = call.values ?? createContextValues();
  values.set(peerKey, request.socket.remoteAddress ?? '');
  const universal = universalRequestFromNodeRequest(request, response, undefined, values);
  const header = new Headers(universal.header);
  for (const name of OWN_HEADERS) header.delete(name);
  if (!isAskedFor(request) && isForeignPage(request, response)) header.delete('cookie');
  header.set('content-type', call.contentType);
  for (const [name, value] of Object.entries(call.headers ?? {})) header.set(name, value);
  return { ...universal, method: 'POST', header, body: once(call.body) };
}

/** Everything that a handler answers. */
export async function bodyOf({ body }: UniversalServerResponse): Promise<Uint8Array> {
  return body === undefined ? new Uint8Array() : await readAllBytes(body, Number.MAX_SAFE_INTEGER, null);
}

/** Gives a client that names itself in no way an id, in a cookie of the response; the new id, if there is one. */
export function introduce(
  request: HttpRequest,
  response: HttpResponse,
  { name, secure, domain }: ClientIdCookie,
): string | undefined {
  const header = new Headers();
  for (const key of ['x-client-id', 'general-params-bin', 'cookie']) {
    const value = request.headers[key];
    if (value !== undefined) header.set(key, value.toString());
  }
  if (clientParamsOf(header, name).clientId !== undefined) return undefined;
  const id = randomUUID();
  const attributes = [
    `${name}=${id}`,
    'Path=/',
    'HttpOnly',
    'SameSite=Lax',
    ...(secure ? ['Secure'] : []),
    ...(domain === undefined ? [] : [`Domain=${domain}`]),
  ];
  response.setHeader('set-cookie', attributes.join('; '));
  return id;
}

/** A page of an origin that may not call: a browser sends its requests all the same, with the user's cookies. */
export function isForeignPage({ headers }: HttpRequest, response: HttpResponse): boolean {
  const { origin } = headers;
  if (origin === undefined || response.hasHeader('access-control-allow-origin')) return false;
  const host = headers[':authority'] ?? headers.host;
  return !URL.canParse(origin) || new URL(origin).host !== host;
}

/** Sent for a page of another origin only after the browser has asked; plain text, which may be taken for JSON too, it sends at once. */
function isAskedFor({ headers }: HttpRequest): boolean {
  return /^application\/json\b/i.test(headers['content-type'] ?? '');
}

async function* once(make: () => Promise<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield await make();
}
