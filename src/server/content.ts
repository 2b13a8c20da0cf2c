import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { type HttpHandler, type HttpRequest, readOnly } from './exchange.ts';

/** Something to be read that stays as it is while the process runs. */
export interface Content {
  readonly type: string;
  readonly bytes: Buffer;
  /** Large enough to be compressed with gzip for who can read that; done once, when first asked for. */
  readonly isLarge?: boolean;
  /** More headers. Told for each request. */
  readonly headers?: () => Readonly<Record<string, string>>;
}

/** Nothing in it may run, and nobody may frame it. */
const NOTHING = "default-src 'none'; frame-ancestors 'none'";

/**
 * Serves it to GET and HEAD. Browsers keep it, ask each time whether it has changed, and are told so by its tag without getting
 * it again.
 */
export function contentHandler({ type, bytes, isLarge = false, headers }: Content): HttpHandler {
  const tag = createHash('sha256').update(bytes).digest('base64url').slice(0, 22);
  let packed: Buffer | undefined;
  return readOnly((request, response) => {
    const isPacked = isLarge && takesGzip(request);
    const etag = isPacked ? `"${tag}-gzip"` : `"${tag}"`;
    response.setHeader('etag', etag);
    response.setHeader('cache-control', 'no-cache');
    if (isLarge) addVary(response, 'Accept-Encoding');
    if (hasTag(request, etag)) {
      response.statusCode = 304;
      response.end();
      return;
    }
    packed ??= isPacked ? gzipSync(bytes) : undefined;
    const body = isPacked ? (packed ?? bytes) : bytes;
    response.statusCode = 200;
    response.setHeader('content-type', type);
    response.setHeader('content-length', body.length);
    response.setHeader('content-security-policy', NOTHING);
    if (isPacked) response.setHeader('content-encoding', 'gzip');
    for (const [name, value] of Object.entries(headers?.() ?? {})) response.setHeader(name, value);
    if (request.method === 'HEAD') response.end();
    else response.end(body);
  });
}

/** Sends readers to another path for good. */
export function redirectHandler(path: string): HttpHandler {
  return readOnly((_request, response) => {
    response.statusCode = 301;
    response.setHeader('location', path);
    response.setHeader('content-length', 0);
    response.end();
  });
}

function takesGzip({ headers }: HttpRequest): boolean {
  return String(headers['accept-encoding'] ?? '')
    .split(',')
    .some((coding) => /^\s*(gzip|\*)\s*(;\s*q=(?!0(\.0*)?\s*$).*)?$/.test(coding));
}

function hasTag({ headers }: HttpRequest, etag: string): boolean {
  const wanted = headers['if-none-match'];
  if (wanted === undefined) return false;
  return wanted.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag);
}

/** CORS has already said what else the answer depends on. */
function addVary(response: Parameters<HttpHandler>[1], name: string): void {
  const before = response.getHeader('vary');
  response.setHeader('vary', before === undefined ? name : `${String(before)}, ${name}`);
}
