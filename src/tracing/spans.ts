import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Context,
  createTraceState,
  isSpanContextValid,
  type Span as OpenTelemetrySpan,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { Span, SpanOutcome, SpanStart, TraceHeaders, Tracing } from './tracing.ts';

const KINDS = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
};

/**
 * Tracing by a tracer of OpenTelemetry. Nothing here is global, neither the tracer nor what runs: several services in one process
 * trace each for itself, to another receiver or not at all.
 */
export function createTracing(tracer: Tracer): Tracing {
  const running = new AsyncLocalStorage<TracedSpan>();
  const begin = (start: SpanStart, parent: SpanContext | undefined): TracedSpan =>
    new TracedSpan(
      tracer.startSpan(
        start.name,
        {
          kind: KINDS[start.kind],
          attributes: start.attributes,
          ...(start.startedAt === undefined ? {} : { startTime: start.startedAt }),
        },
        under(parent),
      ),
    );
  const current = (): TracedSpan | undefined => {
    const span = running.getStore();
    // What a call left behind (a stream that is open, a connection that others use too) is no part of it any more.
    return span === undefined || span.isOver ? undefined : span;
  };
  return {
    current,
    serve: (start, headers) => begin(start, parse(headers)),
    child(start) {
      const parent = current();
      return parent?.isKept === true ? begin(start, parent.context) : undefined;
    },
    follow(traceparent, start) {
      const parent = parse({ traceparent });
      return parent !== undefined && isSampled(parent) ? begin(start, parent) : undefined;
    },
    run: (span, work) => (span instanceof TracedSpan ? running.run(span, work) : work()),
  };
}

class TracedSpan implements Span {
  readonly context: SpanContext;
  readonly isKept: boolean;
  readonly #span: OpenTelemetrySpan;
  #isOver = false;

  constructor(span: OpenTelemetrySpan) {
    this.#span = span;
    this.context = span.spanContext();
    this.isKept = isSampled(this.context);
  }

  get traceId(): string {
    return this.context.traceId;
  }

  get spanId(): string {
    return this.context.spanId;
  }

  get traceContext(): string | undefined {
    return this.isKept ? `00-${this.context.traceId}-${this.context.spanId}-01` : undefined;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  end({ attributes, error }: SpanOutcome = {}): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (attributes !== undefined) this.#span.setAttributes(attributes);
    if (error !== undefined) this.#span.setStatus({ code: SpanStatusCode.ERROR, message: error });
    this.#span.end();
  }
}

function under(parent: SpanContext | undefined): Context {
  return parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
}

function isSampled({ traceFlags }: SpanContext): boolean {
  return (traceFlags & TraceFlags.SAMPLED) !== 0;
}

/** Version, trace, span, flags, and what a later version may have appended. */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** The span that the headers name; undefined when they name none that W3C Trace Context allows. */
function parse({ traceparent, tracestate }: TraceHeaders): SpanContext | undefined {
  const [, version, traceId = '', spanId = '', flags = '', more] = TRACEPARENT.exec(traceparent ?? '') ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return undefined;
  const context: SpanContext = {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED,
    isRemote: true,
    ...(tracestate === undefined ? {} : { traceState: createTraceState(tracestate) }),
  };
  return isSpanContextValid(context) ? context : undefined;
}
