/**
 * Clients that cost as little as possible, so that a measurement shows the server: raw HTTP/1.1 and HTTP/2
 * that speak the Connect protocol.
 */
import { once } from 'node:events';
import http from 'node:http';
import http2, { type ClientHttp2Session } from 'node:http2';

/** `h1-json`: HTTP/1.1 with JSON; `h1` and `h2`: binary. */
export type Protocol = 'h1' | 'h1-json' | 'h2';

/** Who a client says it is. */
export type Identity = { readonly token: string; readonly clientId: string };

/** Calls unary methods over one connection. */
export interface UnaryClient {
  /** Resolves to the answer; rejects with its text when it is an error. */
  call(method: string, identity: Identity, body: Uint8Array): Promise<Buffer>;
  close(): void;
}

/** Opens a client with a connection of its own. */
export function unaryClient(protocol: Protocol, port: number): UnaryClient {
  return protocol === 'h2' ? http2Client(port) : http1Client(port, protocol === 'h1-json');
}

/** An open stream; `close` breaks it off. */
export interface StreamClient {
  /** Resolves with the first envelope. */
  readonly opened: Promise<void>;
  close(): void;
}

/** Opens a stream with a connection of its own and hands over each envelope after the first one, its five-byte head included. */
export function openStream(
  protocol: Protocol,
  port: number,
  path: string,
  identity: Identity,
  onEnvelope: (envelope: Buffer) => void,
): StreamClient {
  // An empty request message.
  const body = Buffer.alloc(5);
  const { promise: opened, resolve, reject } = Promise.withResolvers<void>();
  let first = true;
  const split = envelopeSplitter((envelope) => {
    // The end of a Connect stream: it carries the error, if there was one.
    if (envelope[0] === 2) reject(new Error(`stream ended: ${envelope.subarray(5).toString()}`));
    else if (first) resolve();
    else onEnvelope(envelope);
    first = false;
  });
  const close =
    protocol === 'h2'
      ? openHttp2Stream(port, path, identity, body, split, reject)
      : openHttp1Stream(port, path, identity, body, split, reject);
  return { opened, close };
}

function http2Client(port: number): UnaryClient {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  // Every request on it fails, and reports that.
  session.on('error', () => {});
  return {
    async call(method, identity, body) {
      const request = session.request({
        ':method': 'POST',
        ':path': method,
        'content-type': 'application/proto',
        'connect-protocol-version': '1',
        ...identityHeaders(identity),
      });
      const head = once(request, 'response');
      request.end(body);
      const [headers] = await head;
      const answer = await collect(request);
      if (headers[':status'] !== 200) throw new Error(answer.toString());
      return answer;
    },
    close: () => session.destroy(),
  };
}

function http1Client(port: number, json: boolean): UnaryClient {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  return {
    async call(method, identity, body) {
      const request = http.request({
        agent,
        port,
        host: '127.0.0.1',
        method: 'POST',
        path: method,
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
      if (response.statusCode !== 200) throw new Error(answer.toString());
      return answer;
    },
    close: () => agent.destroy(),
  };
}

function openHttp2Stream(
  port: number,
  path: string,
  identity: Identity,
  body: Buffer,
  onData: (chunk: Buffer) => void,
  onError: (error: unknown) => void,
): () => void {
  const session: ClientHttp2Session = http2.connect(`http://127.0.0.1:${port}`);
  session.on('error', onError);
  const request = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/connect+proto',
    'connect-protocol-version': '1',
    ...identityHeaders(identity),
  });
  request.on('error', onError);
  request.on('data', onData);
  request.end(body);
  return () => session.destroy();
}

function openHttp1Stream(
  port: number,
  path: string,
  identity: Identity,
  body: Buffer,
  onData: (chunk: Buffer) => void,
  onError: (error: unknown) => void,
): () => void {
  const request = http.request({
    agent: false,
    port,
    host: '127.0.0.1',
    method: 'POST',
    path,
    headers: {
      'content-type': 'application/connect+proto',
      'connect-protocol-version': '1',
      ...identityHeaders(identity),
    },
  });
  request.on('error', onError);
  request.on('response', (response) => {
    response.on('error', onError);
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
