/**
 * Clients that cost as little as possible, so that a measurement shows the server: raw HTTP/1.1 and HTTP/2
 * that speak the Connect protocol.
 */
import { once } from 'node:events';
import http from 'node:http';
import http2, { type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2';

/** `h1-json`: HTTP/1.1 with JSON; `h1` and `h2`: binary. */
export type Protocol = 'h1' | 'h1-json' | 'h2';

/** Who a client says it is. */
export type Identity = { readonly token: string; readonly clientId: string };

/** An answer that is an error; its text is what the service said. */
export class RefusedError extends Error {
  /** The HTTP status. */
  readonly status: number;

  constructor(status: number, text: string) {
    super(text);
    this.name = 'RefusedError';
    this.status = status;
  }
}

/** Calls unary methods over one connection. */
export interface UnaryClient {
  /** Resolves to the answer; rejects with a RefusedError when it is an error. Over HTTP/2 the signal gives it up. */
  call(method: string, identity: Identity, body: Uint8Array, signal?: AbortSignal): Promise<Buffer>;
  close(): void;
}

/** Opens a client with a connection of its own to `http://127.0.0.1:1234`, or over HTTP/2 to an `https` origin. */
export function unaryClient(protocol: Protocol, origin: string): UnaryClient {
  return protocol === 'h2' ? http2Client(origin) : http1Client(origin, protocol === 'h1-json');
}

/** Which stream to open. */
export interface StreamOptions {
  readonly protocol: Protocol;
  /** As of {@link unaryClient}. */
  readonly origin: string;
  readonly path: string;
  readonly identity: Identity;
  /** The binary request message; an empty one. */
  readonly request?: Uint8Array;
  /** Gets the first envelope, its five-byte head included. */
  readonly onFirst?: (envelope: Buffer) => void;
  /** Gets each envelope after it. */
  readonly onEnvelope: (envelope: Buffer) => void;
}

/** An open stream; `close` breaks it off. */
export interface StreamClient {
  /** Resolves with the first envelope; rejects when the stream ends before it. */
  readonly opened: Promise<void>;
  /** Resolves to the reason when the stream is over. */
  readonly ended: Promise<unknown>;
  close(): void;
}

/** Opens a stream with a connection of its own. */
export function openStream(options: StreamOptions): StreamClient {
  const { protocol, origin, path, identity, request, onFirst, onEnvelope } = options;
  const body = enveloped(request ?? new Uint8Array());
  const { promise: opened, resolve, reject } = Promise.withResolvers<void>();
  const { promise: ended, resolve: end } = Promise.withResolvers<unknown>();
  // Who only waits for the end hears of it there.
  opened.catch(() => undefined);
  const fail = (reason: unknown): void => {
    reject(reason);
    end(reason);
  };
  let first = true;
  const split = envelopeSplitter((envelope) => {
    // The end of a Connect stream: it carries the error, if there was one.
    if (envelope[0] === 2) return fail(new Error(`stream ended: ${envelope.subarray(5).toString()}`));
    if (first) {
      first = false;
      onFirst?.(envelope);
      return resolve();
    }
    onEnvelope(envelope);
  });
  const close =
    protocol === 'h2'
      ? openHttp2Stream(origin, path, identity, body, split, fail)
      : openHttp1Stream(origin, path, identity, body, split, fail);
  return { opened, ended, close };
}

function enveloped(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.byteLength, 1);
  return Buffer.concat([head, message]);
}

function http2Client(origin: string): UnaryClient {
  const session = http2.connect(origin);
  // Every request on it fails, and reports that.
  session.on('error', () => {});
  return {
    async call(method, identity, body, signal) {
      const headersOut = {
        ':method': 'POST',
        ':path': method,
        'content-type': 'application/proto',
        'connect-protocol-version': '1',
        ...identityHeaders(identity),
      };
      const request = session.request(headersOut, signal === undefined ? {} : { signal });
      const head = responseTo(request);
      request.end(body);
      const { ':status': status } = await head;
      const answer = await collect(request);
      if (Number(status) !== 200) throw new RefusedError(Number(status), answer.toString());
      return answer;
    },
    close: () => session.destroy(),
  };
}

/** Rejects also when the connection goes without a word, where no error is told. */
async function responseTo(request: ClientHttp2Stream): Promise<IncomingHttpHeaders> {
  return await new Promise((resolve, reject) => {
    request.once('response', resolve);
    request.once('error', reject);
    request.once('close', () => reject(new Error('the call was cut')));
  });
}

function http1Client(origin: string, json: boolean): UnaryClient {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  return {
    async call(method, identity, body) {
      const request = http.request(new URL(method, origin), {
        agent,
        method: 'POST',
        headers: {
          'content-type': json ? 'application/json' : 'application/proto',
          'content-length': body.byteLength,
          'connect-protocol-version': '1',
          ...identityHeaders(identity),
        },
      });
      const head = once(request, 'response');
      request.end(body);
      const [response] = await head;
      const answer = await collect(response);
      if (response.statusCode !== 200) throw new RefusedError(response.statusCode, answer.toString());
      return answer;
    },
    close: () => agent.destroy(),
  };
}

function openHttp2Stream(
  origin: string,
  path: string,
  identity: Identity,
  body: Buffer,
  onData: (chunk: Buffer) => void,
  onEnd: (reason: unknown) => void,
): () => void {
  const session: ClientHttp2Session = http2.connect(origin);
  session.on('error', onEnd);
  session.on('close', () => onEnd(new Error('the connection has ended')));
  const request = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/connect+proto',
    'connect-protocol-version': '1',
    ...identityHeaders(identity),
  });
  request.on('error', onEnd);
  request.on('response', ({ ':status': status }) => {
    if (status !== 200) onEnd(new RefusedError(Number(status), `HTTP ${status}`));
    else request.on('data', onData);
  });
  request.on('close', () => onEnd(new Error('the stream was cut')));
  request.end(body);
  return () => session.destroy();
}

function openHttp1Stream(
  origin: string,
  path: string,
  identity: Identity,
  body: Buffer,
  onData: (chunk: Buffer) => void,
  onEnd: (reason: unknown) => void,
): () => void {
  const request = http.request(new URL(path, origin), {
    agent: false,
    method: 'POST',
    headers: {
      'content-type': 'application/connect+proto',
      'connect-protocol-version': '1',
      ...identityHeaders(identity),
    },
  });
  request.on('error', onEnd);
  request.on('response', (response) => {
    response.on('error', onEnd);
    response.on('close', () => onEnd(new Error('the stream was cut')));
    response.on('data', onData);
  });
  request.end(body);
  return () => request.destroy();
}

/** Cuts a byte stream into envelopes. */
function envelopeSplitter(onEnvelope: (envelope: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (bytes.length >= 5 && bytes.length >= 5 + bytes.readUInt32BE(1)) {
      const end = 5 + bytes.readUInt32BE(1);
      onEnvelope(bytes.subarray(0, end));
      bytes = bytes.subarray(end);
    }
    rest = bytes;
  };
}

function identityHeaders({ token, clientId }: Identity): Record<string, string> {
  return { authorization: `Bearer ${token}`, 'x-client-id': clientId };
}

async function collect(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}
