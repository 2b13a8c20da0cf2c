import type { HttpRequest, HttpResponse } from './exchange.ts';

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, CONNECT, OPTIONS, TRACE';
/** What a browser may read beside the body: the inherited two, the end of a gRPC-Web call, the request id, and when to come back. */
const EXPOSED =
  'Link, Set-Cookie, Grpc-Status, Grpc-Message, Grpc-Status-Details-Bin, X-Request-Id, Retry-After';
const MAX_AGE_S = 300;

/** Adds the CORS headers of one request; answers it and returns true when it is a preflight. */
export type Cors = (request: HttpRequest, response: HttpResponse) => boolean;

/**
 * Lets pages of the listed origins call with credentials; `any` reflects every origin (development only, D7).
 * Other origins get no CORS header at all, so that the browser refuses for them.
 */
export function createCors(origins: readonly string[] | 'any'): Cors {
  const allowed = origins === 'any' ? undefined : new Set(origins);
  return (request, response) => {
    const { origin } = request.headers;
    const isPreflight =
      request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined;
    response.setHeader('vary', isPreflight ? 'Origin, Access-Control-Request-Headers' : 'Origin');
    if (origin !== undefined && (allowed === undefined || allowed.has(origin))) {
      response.setHeader('access-control-allow-origin', origin);
      response.setHeader('access-control-allow-credentials', 'true');
      if (isPreflight) allow(request, response);
      else response.setHeader('access-control-expose-headers', EXPOSED);
    }
    if (isPreflight) {
      response.statusCode = 204;
      response.end();
    }
    return isPreflight;
  };
}

function allow(request: HttpRequest, response: HttpResponse): void {
  response.setHeader('access-control-allow-methods', METHODS);
  const headers = request.headers['access-control-request-headers'];
  if (headers !== undefined) response.setHeader('access-control-allow-headers', headers);
  response.setHeader('access-control-max-age', String(MAX_AGE_S));
}
