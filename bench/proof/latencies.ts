import { build, type Histogram } from 'hdr-histogram-js';

/** Milliseconds from the start of something to its end, both as epoch milliseconds. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** A distribution, milliseconds. */
export interface Distribution {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /** [percentile, milliseconds], ever finer towards 100. */
  readonly curve: readonly (readonly [number, number])[];
}

/** The middle and the tail of one second, milliseconds; 0 when nothing was measured. */
export interface Tail {
  readonly p50: number;
  readonly p99: number;
}

const MAX_MICROSECONDS = 3_600_000_000;
const STEPS_TO_HALF = 4;
const FINEST = 99.9999;

/** Times in buckets of at most 0.1 % (HDR): three digits of every value, whatever the number of values. */
export class Latencies {
  readonly #all = newHistogram();
  /** Since the last {@link Latencies.takeTail}. */
  readonly #recent = newHistogram();

  record(milliseconds: number): void {
    const microseconds = Math.min(MAX_MICROSECONDS, Math.max(1, Math.round(milliseconds * 1_000)));
    this.#all.recordValue(microseconds);
    this.#recent.recordValue(microseconds);
  }

  takeTail(): Tail {
    const tail = { p50: at(this.#recent, 50), p99: at(this.#recent, 99) };
    this.#recent.reset();
    return tail;
  }

  distribution(): Distribution {
    const all = this.#all;
    return {
      count: all.totalCount,
      mean: all.totalCount === 0 ? 0 : all.mean / 1_000,
      p50: at(all, 50),
      p90: at(all, 90),
      p99: at(all, 99),
      p999: at(all, 99.9),
      max: all.maxValue / 1_000,
      curve: curveOf(all),
    };
  }
}

function newHistogram(): Histogram {
  return build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: MAX_MICROSECONDS,
    numberOfSignificantValueDigits: 3,
    useWebAssembly: false,
  });
}

function at(histogram: Histogram, percentile: number): number {
  return histogram.totalCount === 0 ? 0 : histogram.getValueAtPercentile(percentile) / 1_000;
}

/** Each half of the way to 100 has as many points, until a single value is left. */
function curveOf(histogram: Histogram): [number, number][] {
  const points: [number, number][] = [];
  if (histogram.totalCount === 0) return points;
  for (let step = 0; ; step += 1) {
    const left = 2 ** (-step / STEPS_TO_HALF);
    const percentile = 100 * (1 - left);
    if (percentile > FINEST || left * histogram.totalCount < 1) return points;
    points.push([percentile, at(histogram, percentile)]);
  }
}
