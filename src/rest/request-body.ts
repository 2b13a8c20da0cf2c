import { type Compression, compressionNegotiate, readAllBytes } from '@connectrpc/connect/protocol';
import { compressionGzip } from '@connectrpc/connect-node';
import type { HttpRequest } from '../server/exchange.ts';

const COMPRESSIONS: readonly Compression[] = [compressionGzip];

/** The body, decompressed. Throws `resource_exhausted` when it is larger than `maxBytes`, before or after. */
export async function readBody(request: HttpRequest, maxBytes: number): Promise<Uint8Array> {
  const { headers } = request;
  const encoding = headers['content-encoding'];
  const negotiated = compressionNegotiate([...COMPRESSIONS], encoding ?? null, null, 'accept-encoding');
  if (negotiated.error !== undefined) throw negotiated.error;
  // Ending the usual iterator early would end an HTTP/1.1 connection, and with it the answer. The server throws away what is left.
  const chunks = request.iterator({ destroyOnReturn: false });
  const bytes = await readAllBytes(chunks, maxBytes, headers['content-length'] ?? null);
  const compression = negotiated.request;
  return compression === null || bytes.length === 0 ? bytes : await compression.decompress(bytes, maxBytes);
}

/** The way to compress an answer that the client would understand. */
export function compressionFor(request: HttpRequest): Compression | undefined {
  const accepted = request.headers['accept-encoding'];
  const { response } = compressionNegotiate([...COMPRESSIONS], null, accepted?.toString() ?? null, '');
  return response ?? undefined;
}

/** Whether a body of this type is read as JSON: one without type, or of plain text, is too. */
export function isJson(contentType: string | undefined): boolean {
  const [type = ''] = (contentType ?? '').split(';', 1);
  return ['', 'application/json', 'text/plain'].includes(type.trim().toLowerCase());
}
