import type { FaultWindow } from './fault-windows.ts';
import type { Distribution, Tail } from './latencies.ts';
import type { Deliveries } from './ledger.ts';
import type { Population } from './population.ts';

/** What the process that makes the load is asked for. */
export interface GeneratorJob {
  readonly kind: 'job';
  readonly origin: string;
  readonly population: Population;
  /** Begins every sender-side message id. */
  readonly label: string;
  readonly rate: number;
  readonly rampSeconds: number;
  readonly seconds: number;
  readonly seed: number;
  readonly lateMs: number;
}

/** What it is told meanwhile; times are epoch milliseconds. */
export type GeneratorCommand =
  | GeneratorJob
  | { readonly kind: 'fault'; readonly name: string; readonly from: number }
  | { readonly kind: 'fault-over'; readonly to: number };

/** What it tells. */
export type GeneratorEvent =
  /** Every user's stream is open; the ramp begins. */
  | { readonly kind: 'open'; readonly at: number }
  | { readonly kind: 'tick'; readonly tick: Tick }
  | { readonly kind: 'result'; readonly result: GeneratorResult }
  | { readonly kind: 'failed'; readonly text: string };

/** What it is doing. */
export type Phase = 'ramp' | 'steady' | 'drain';

/** One second. */
export interface Tick {
  /** Seconds since the ramp began. */
  readonly at: number;
  readonly phase: Phase;
  /** Per second. */
  readonly sent: number;
  readonly stored: number;
  readonly delivered: number;
  /** Sends without an answer just now. */
  readonly inFlight: number;
  readonly send: Tail;
  readonly delivery: Tail;
}

/** What came of it. */
export interface GeneratorResult {
  readonly sends: {
    readonly sent: number;
    readonly stored: number;
    /** Refused, without an answer until the end, or not sent at all because too many had no answer. */
    readonly failed: number;
    /** Needed more than one try. */
    readonly repeated: number;
    /** Why sends were refused, and how often; a few different reasons. */
    readonly refusals: Readonly<Record<string, number>>;
  };
  readonly deliveries: Deliveries;
  /** Over `lateMs`, of those in `delivery`. */
  readonly late: number;
  readonly resyncs: number;
  /** Streams opened again. */
  readonly reconnects: number;
  /** In the steady phase, outside the windows of faults. */
  readonly send: Distribution;
  readonly delivery: Distribution;
  /** The whole steady phase. */
  readonly sendWithFaults: Distribution;
  readonly deliveryWithFaults: Distribution;
  readonly faults: readonly FaultWindow[];
  /** How long the generator's own event loop waited, milliseconds. */
  readonly lagP99Ms: number;
  readonly lagMaxMs: number;
  /** Of one core, in the steady phase. */
  readonly cpuPercent: number;
}
