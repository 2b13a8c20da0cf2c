import { Code, ConnectError, type Transport } from '@connectrpc/connect';
import type { UniversalClientFn } from '@connectrpc/connect/protocol';
import { createTransport } from '@connectrpc/connect/protocol-connect';

/** A message of the service is far smaller. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/** Connect over `fetch`: all that browsers, React Native and Node need when no other transport is given. */
export function createFetchTransport(baseUrl: string, fetch: typeof globalThis.fetch): Transport {
  return createTransport({
    baseUrl,
    httpClient: httpClientOf(fetch),
    useBinaryFormat: true,
    interceptors: [],
    // `fetch` unpacks by itself what the server packs.
    acceptCompression: [],
    sendCompression: null,
    compressMinBytes: 0,
    readMaxBytes: MAX_MESSAGE_BYTES,
    writeMaxBytes: MAX_MESSAGE_BYTES,
  });
}

/** Whether responses can be read while they arrive; in React Native they can't. */
export function canStream(): boolean {
  return typeof ReadableStream === 'function' && new Response('x').body instanceof ReadableStream;
}

function httpClientOf(fetch: typeof globalThis.fetch): UniversalClientFn {
  return async ({ url, method, header, body, signal }) => {
    const bytes = body === undefined ? null : await joined(body);
    const response = await asConnectErrors(() =>
      fetch(url, { method, headers: header, body: bytes, redirect: 'error', ...(signal && { signal }) }),
    );
    // Both speak of the bytes before they were unpacked.
    const headers = new Headers(response.headers);
    headers.delete('content-encoding');
    headers.delete('content-length');
    const isStream = headers.get('content-type')?.startsWith('application/connect+') === true;
    return {
      status: response.status,
      header: headers,
      trailer: new Headers(),
      body: read(response, isStream),
    };
  };
}

async function* read(response: Response, isStream: boolean): AsyncGenerator<Uint8Array> {
  // Some have the property, and undefined in it.
  if (!response.body) {
    if (isStream) throw new ConnectError('this fetch can not stream', Code.Unimplemented);
    yield new Uint8Array(await asConnectErrors(() => response.arrayBuffer()));
    return;
  }
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await asConnectErrors(() => reader.read());
      if (done) return;
      yield value;
    }
  } finally {
    // Whoever leaves early wants no more: without this the connection would stay open.
    reader.cancel().catch(() => undefined);
  }
}

async function joined(parts: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  for await (const part of parts) chunks.push(part);
  const bytes = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

/** Every failure of `fetch` but a cancelled call is a failure of the network. */
export async function asConnectErrors<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const { code } = ConnectError.from(error);
    if (code === Code.Canceled) throw error;
    throw new ConnectError('the service is out of reach', Code.Unavailable, undefined, undefined, error);
  }
}
