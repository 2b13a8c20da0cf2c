/*
 * What is traced, for those who have something to trace. That OpenTelemetry does it is known in this folder only, and its code is loaded only
 * when an operator wants traces: everybody else holds a `Tracing`, or undefined, which costs one comparison.
 */

/** Values by name; what is undefined is left out. */
export type SpanAttributes = Readonly<Record<string, string | number | undefined>>;

/** What a span begins with. */
export interface SpanStart {
  /** Of few different values: what happens, not to whom. */
  readonly name: string;
  readonly kind: 'server' | 'client' | 'producer' | 'consumer';
  readonly attributes: SpanAttributes;
  /** Milliseconds since the epoch; now when left out. */
  readonly startedAt?: number;
}

/** How a span ended. */
export interface SpanOutcome {
  readonly attributes?: SpanAttributes;
  /** A word for what failed; undefined when nothing did. Never a text of somebody else. */
  readonly error?: string | undefined;
}

/** A part of a trace. */
export interface Span {
  /** 32 and 16 hex digits, also when nobody keeps the trace. */
  readonly traceId: string;
  readonly spanId: string;
  /** The W3C `traceparent` under which others go on, in other processes or later; undefined when nobody keeps the trace. */
  readonly traceContext: string | undefined;
  /** Ends it; only the first call counts. */
  end(outcome?: SpanOutcome): void;
}

/** Headers of W3C Trace Context, as they came. */
export interface TraceHeaders {
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
}

/** Makes spans. What becomes of them afterwards never delays or fails who made them. */
export interface Tracing {
  /** The span of a call: in the caller's trace, or in a new one when his headers name none or are malformed. */
  serve(start: SpanStart, headers: TraceHeaders): Span;
  /** A span under the running one; undefined when there is none, or nobody keeps its trace. */
  child(start: SpanStart): Span | undefined;
  /** A span under one whose `traceContext` was handed on; undefined when that is malformed, or nobody keeps the trace. */
  follow(traceContext: string, start: SpanStart): Span | undefined;
  /** Does the work, with everything that it calls and waits for, as part of the span. */
  run<T>(span: Span, work: () => T): T;
  /** The running span: the innermost `run` around the caller. Undefined when there is none, or when it has ended. */
  current(): Span | undefined;
}
