import type { Span } from './latencies.ts';

/** A fault and the time in which its effects are no surprise; `to` is not known while it lasts. Epoch milliseconds. */
export interface FaultWindow {
  readonly name: string;
  readonly from: number;
  readonly to: number | undefined;
}

/** The faults so far. What happens while one lasts is slow for a reason. */
export class FaultWindows {
  readonly #windows: FaultWindow[] = [];

  begin(name: string, from: number): void {
    this.#windows.push({ name, from, to: undefined });
  }

  /** Ends the one that lasts. */
  end(to: number): void {
    const last = this.#windows.pop();
    if (last !== undefined) this.#windows.push({ ...last, to });
  }

  /** Whether any part of the span falls into a window. */
  touches({ from, to }: Span): boolean {
    return this.#windows.some((window) => from < (window.to ?? Number.POSITIVE_INFINITY) && to > window.from);
  }

  get all(): readonly FaultWindow[] {
    return this.#windows;
  }
}
