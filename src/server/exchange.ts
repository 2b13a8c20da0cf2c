import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';

/** A request over HTTP/1.1 or HTTP/2. */
export type HttpRequest = IncomingMessage | Http2ServerRequest;
/** Its response. */
export type HttpResponse = ServerResponse | Http2ServerResponse;
/** Serves one request; must not throw. */
export type HttpHandler = (request: HttpRequest, response: HttpResponse) => void;

/** Answers a short text, or only its headers to HEAD. */
export function answerText(
  request: HttpRequest,
  response: HttpResponse,
  status: number,
  text: string,
  type = 'text/plain; charset=utf-8',
): void {
  answerBytes(request, response, status, type, Buffer.from(text));
}

/** A handler that is only asked to read: everything but GET and HEAD is refused. */
export function readOnly(handler: HttpHandler): HttpHandler {
  return (request, response) => {
    if (request.method === 'GET' || request.method === 'HEAD') {
      handler(request, response);
      return;
    }
    response.setHeader('allow', 'GET, HEAD');
    answerText(request, response, 405, 'method not allowed');
  };
}

/** Answers a JSON value, or only its headers to HEAD. */
export function answerJson(
  request: HttpRequest,
  response: HttpResponse,
  status: number,
  value: object,
): void {
  answerBytes(request, response, status, 'application/json', Buffer.from(JSON.stringify(value)));
}

/** Answers a body that is ready to be sent, or only its headers to HEAD. */
export function answerBytes(
  request: HttpRequest,
  response: HttpResponse,
  status: number,
  type: string,
  bytes: Uint8Array,
): void {
  response.statusCode = status;
  response.setHeader('content-type', type);
  response.setHeader('content-length', bytes.length);
  response.setHeader('cache-control', 'no-store');
  // Nothing here is a page: nobody may frame it, nothing in it may run.
  response.setHeader('content-security-policy', "default-src 'none'; frame-ancestors 'none'");
  if (request.method === 'HEAD') response.end();
  else response.end(bytes);
}
