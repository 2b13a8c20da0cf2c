import { type IncomingHttpHeaders, type IncomingMessage, request as startRequest } from 'node:http';
import type { JsonValue } from '@bufbuild/protobuf';

/** A request as it is sent: no header is added or decoded. */
export interface RawRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | undefined;
}

/** What came back. */
export interface RawResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly body: string;
  /** Null for a body that is none. */
  readonly json: JsonValue;
}

/** Sends it over a connection of its own. */
export async function rawRequest(
  url: string,
  { method, path, headers, body }: RawRequest,
): Promise<RawResponse> {
  const { hostname, port } = new URL(url);
  const sending = startRequest({ hostname, port, path, method, headers, agent: false });
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    sending.once('response', resolve).once('error', reject).end(body);
  });
  const bytes = Buffer.concat(await response.toArray());
  const text = bytes.toString();
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    bytes,
    body: text,
    json: /^[[{]/.test(text) ? JSON.parse(text) : null,
  };
}
