import { randomUUID } from 'node:crypto';
import type { ReadableSpan, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace-node';
import type { TracingConfig } from '../config.ts';
import { aborted, type Service } from '../lifecycle.ts';
import type { Logger } from '../logger.ts';
import type { Tracing } from './tracing.ts';

/** Spans that wait to be sent; more are dropped. */
const MAX_WAITING = 2_048;
/** Spans of one request to the receiver. */
const BATCH = 512;
/** How long a span waits for others at most. */
const DELAY_MS = 1_000;
/** For one batch, with what is tried again. */
const SEND_MS = 3_000;
/** Of a stop, for what still waits. */
const STOP_MS = 2_000;

/** Traces on their way to a receiver. Stopping it sends what waits, for two seconds at most and never beyond the deadline. */
export interface TracingService extends Service {
  readonly tracing: Tracing;
}

/**
 * Sends traces to the OTLP/HTTP receiver of the configuration; undefined when there is none, and then nothing of OpenTelemetry's SDK is loaded.
 * A receiver that is away, slow or broken costs spans and nothing else: it is logged when sending begins to fail or spans begin
 * to be dropped, and when all is well again.
 */
export async function startTracing(
  { endpoint, serviceName, sampleRatio }: TracingConfig,
  version: string,
  logger: Logger,
): Promise<TracingService | undefined> {
  if (endpoint === undefined) return undefined;
  const [{ createTracing }, sdk, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import('./spans.ts'),
    import('@opentelemetry/sdk-trace-node'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]);
  const url = `${endpoint.replace(/\/+$/, '')}/v1/traces`;
  const outbound = new Outbound(new OTLPTraceExporter({ url, timeoutMillis: SEND_MS }), logger);
  const processor = new sdk.BatchSpanProcessor(outbound, {
    maxQueueSize: MAX_WAITING,
    maxExportBatchSize: BATCH,
    scheduledDelayMillis: DELAY_MS,
    exportTimeoutMillis: 2 * SEND_MS,
  });
  const provider = new sdk.NodeTracerProvider({
    resource: resourceFromAttributes({
      'service.name': serviceName,
      'service.version': version,
      'service.instance.id': randomUUID(),
    }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(sampleRatio) }),
    spanProcessors: [outbound.before(processor)],
  });
  return {
    tracing: createTracing(provider.getTracer('connect-chat', version)),
    start: async () => undefined,
    async stop(deadline = AbortSignal.timeout(STOP_MS)) {
      // What fails was logged.
      const sent = provider.shutdown().catch(() => undefined);
      const patience = aborted(AbortSignal.any([deadline, AbortSignal.timeout(STOP_MS)]));
      const isSent = await Promise.race([sent.then(() => true), patience]);
      if (isSent !== true) outbound.giveUp();
    },
  };
}

/** The way of spans to the receiver: counts those that wait, and says when something is wrong with it, once until it is right again. */
class Outbound implements SpanExporter {
  readonly #receiver: SpanExporter;
  readonly #logger: Logger;
  #waiting = 0;
  #isDropping = false;
  #isFailing = false;

  constructor(receiver: SpanExporter, logger: Logger) {
    this.#receiver = receiver;
    this.#logger = logger;
  }

  /** Keeps from the queue what it has no place for: by itself it would drop it without a word. */
  before(queue: SpanProcessor): SpanProcessor {
    return {
      onStart: () => undefined,
      onEnd: (span) => {
        if (this.#waiting >= MAX_WAITING) this.#drop();
        else {
          this.#waiting += 1;
          queue.onEnd(span);
        }
      },
      forceFlush: () => queue.forceFlush(),
      shutdown: () => queue.shutdown(),
    };
  }

  export(spans: ReadableSpan[], done: Parameters<SpanExporter['export']>[1]): void {
    this.#waiting -= spans.length;
    this.#receiver.export(spans, (result) => {
      if (result.error === undefined) this.#recover();
      else this.#fail(result.error);
      done(result);
    });
  }

  shutdown(): Promise<void> {
    return this.#receiver.shutdown();
  }

  /** The service ends, and not everything was sent. */
  giveUp(): void {
    this.#fail(new Error('the service stopped before they were taken'));
  }

  #drop(): void {
    if (this.#isDropping) return;
    this.#isDropping = true;
    this.#logger.warn({ waiting: MAX_WAITING }, 'more traces than can be sent: some are dropped');
  }

  #fail(error: Error): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    // The error also holds what the receiver answered, however much that is.
    this.#logger.warn({ reason: error.message }, 'traces can not be sent');
  }

  #recover(): void {
    const hasRoom = this.#waiting < BATCH;
    if (this.#isFailing || (this.#isDropping && hasRoom)) this.#logger.info('traces are sent again');
    this.#isFailing = false;
    if (hasRoom) this.#isDropping = false;
  }
}
