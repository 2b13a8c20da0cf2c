import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';

/** A span as it came. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first one of a trace. */
  readonly parentSpanId: string;
  readonly name: string;
  /** 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  readonly startedAt: bigint;
  readonly endedAt: bigint;
  readonly attributes: Readonly<Record<string, string | number | undefined>>;
  /** What failed; undefined when nothing did. */
  readonly error: string | undefined;
  /** Who sent it. */
  readonly service: Readonly<Record<string, string | number | undefined>>;
}

/** How the receiver behaves: answers that it took them, answers with another status, or takes and says nothing. */
export type Behaviour = 'takes' | 'silent' | number;

/** A small OTLP/HTTP receiver of traces in JSON. */
export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = [];
  behaviour: Behaviour = 'takes';
  /** Requests that came, answered or not. */
  requests = 0;
  readonly #server: Server;
  readonly #unanswered = new Set<ServerResponse>();
  #changed = Promise.withResolvers<void>();

  private constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => this.#received(request.url ?? '', Buffer.concat(chunks).toString(), response));
    });
  }

  static async start(): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver();
    await once(receiver.#server.listen(0, '127.0.0.1'), 'listening');
    return receiver;
  }

  /** Base address, as OTEL_EXPORTER_OTLP_ENDPOINT has it. */
  get url(): string {
    // A listening server has an address with a port.
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves to what `find` finds, as soon as it finds something. */
  async until<T>(find: (spans: readonly ReceivedSpan[]) => T | undefined | false): Promise<T> {
    for (;;) {
      const found = find(this.spans);
      if (found !== undefined && found !== false) return found;
      await this.#changed.promise;
    }
  }

  /** The spans of a trace, once there are so many. */
  async trace(traceId: string, count: number): Promise<readonly ReceivedSpan[]> {
    return await this.until((spans) => {
      const found = spans.filter((span) => span.traceId === traceId);
      return found.length >= count && found;
    });
  }

  async stop(): Promise<void> {
    for (const response of this.#unanswered) response.destroy();
    this.#server.closeAllConnections();
    if (this.#server.listening) await once(this.#server.close(), 'close');
  }

  #received(path: string, body: string, response: ServerResponse): void {
    this.requests += 1;
    if (this.behaviour === 'silent') this.#unanswered.add(response);
    else {
      const isTaken = this.behaviour === 'takes' && path === '/v1/traces';
      if (isTaken) this.spans.push(...spansOf(body));
      response.statusCode = isTaken ? 200 : this.behaviour === 'takes' ? 404 : this.behaviour;
      response.setHeader('content-type', 'application/json');
      response.end('{}');
    }
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

const attributes = z
  .array(
    z.object({
      key: z.string(),
      value: z.object({ stringValue: z.string().optional(), intValue: z.number().optional() }),
    }),
  )
  .transform((list) =>
    Object.fromEntries(list.map(({ key, value }) => [key, value.stringValue ?? value.intValue])),
  );

const request = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes }),
      scopeSpans: z.array(
        z.object({
          spans: z.array(
            z.object({
              traceId: z.string(),
              spanId: z.string(),
              parentSpanId: z.string().prefault(''),
              name: z.string(),
              kind: z.number(),
              startTimeUnixNano: z.string(),
              endTimeUnixNano: z.string(),
              attributes,
              status: z.object({ code: z.number(), message: z.string().optional() }),
            }),
          ),
        }),
      ),
    }),
  ),
});

function spansOf(body: string): ReceivedSpan[] {
  return request.parse(JSON.parse(body)).resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ startTimeUnixNano, endTimeUnixNano, status, ...span }) => ({
        ...span,
        startedAt: BigInt(startTimeUnixNano),
        endedAt: BigInt(endTimeUnixNano),
        // 2: an error.
        error: status.code === 2 ? (status.message ?? '') : undefined,
        service: resource.attributes,
      })),
    ),
  );
}
