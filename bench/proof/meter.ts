import type { FaultWindows } from './fault-windows.ts';
import type { GeneratorResult, Phase, Tick } from './generator-protocol.ts';
import { Latencies, type Span } from './latencies.ts';

/** Different reasons that are kept of refusals. */
const MAX_REASONS = 10;
const REASON_CHARACTERS = 200;

/** The part of a result that is counted and timed. */
export type Measured = Omit<
  GeneratorResult,
  'deliveries' | 'faults' | 'lagP99Ms' | 'lagMaxMs' | 'cpuPercent'
>;

/** Counts and times what happens. */
export class Meter {
  readonly #lateMs: number;
  readonly #faults: FaultWindows;
  readonly #send = { calm: new Latencies(), all: new Latencies() };
  readonly #delivery = { calm: new Latencies(), all: new Latencies() };
  readonly #refusals = new Map<string, number>();
  #sent = 0;
  #stored = 0;
  #delivered = 0;
  #repeated = 0;
  #late = 0;
  #resyncs = 0;
  #reconnects = 0;
  #before = { at: 0, sent: 0, stored: 0, delivered: 0 };

  constructor({ lateMs, faults }: { readonly lateMs: number; readonly faults: FaultWindows }) {
    this.#lateMs = lateMs;
    this.#faults = faults;
  }

  begun(): void {
    this.#sent += 1;
  }

  repeated(): void {
    this.#repeated += 1;
  }

  refused(reason: string): void {
    const key = reason.slice(0, REASON_CHARACTERS);
    if (this.#refusals.size >= MAX_REASONS && !this.#refusals.has(key)) return;
    this.#refusals.set(key, (this.#refusals.get(key) ?? 0) + 1);
  }

  resynced(): void {
    this.#resyncs += 1;
  }

  reconnected(): void {
    this.#reconnects += 1;
  }

  /** A send was answered; `isSteady`: it was due in the steady phase. */
  stored(span: Span, isSteady: boolean): void {
    this.#stored += 1;
    this.#record(this.#send, span, isSteady);
  }

  /** A message reached one recipient. */
  delivered(span: Span, isSteady: boolean): void {
    this.#delivered += 1;
    const isCalm = this.#record(this.#delivery, span, isSteady);
    if (isCalm && span.to - span.from > this.#lateMs) this.#late += 1;
  }

  /** What happened since the last one; `at`: seconds since the start. */
  tick(at: number, phase: Phase, inFlight: number): Tick {
    const seconds = Math.max(0.001, at - this.#before.at);
    const { sent, stored, delivered } = this.#before;
    this.#before = { at, sent: this.#sent, stored: this.#stored, delivered: this.#delivered };
    return {
      at,
      phase,
      sent: (this.#sent - sent) / seconds,
      stored: (this.#stored - stored) / seconds,
      delivered: (this.#delivered - delivered) / seconds,
      inFlight,
      send: this.#send.all.takeTail(),
      delivery: this.#delivery.all.takeTail(),
    };
  }

  /** `total`: messages that were to be sent. */
  result(total: number): Measured {
    return {
      sends: {
        sent: this.#sent,
        stored: this.#stored,
        failed: total - this.#stored,
        repeated: this.#repeated,
        refusals: Object.fromEntries(this.#refusals),
      },
      late: this.#late,
      resyncs: this.#resyncs,
      reconnects: this.#reconnects,
      send: this.#send.calm.distribution(),
      delivery: this.#delivery.calm.distribution(),
      sendWithFaults: this.#send.all.distribution(),
      deliveryWithFaults: this.#delivery.all.distribution(),
    };
  }

  #record(to: { calm: Latencies; all: Latencies }, span: Span, isSteady: boolean): boolean {
    const isCalm = isSteady && !this.#faults.touches(span);
    if (isSteady) to.all.record(span.to - span.from);
    if (isCalm) to.calm.record(span.to - span.from);
    return isCalm;
  }
}
