/** A rate that was tried. */
export interface Trial {
  readonly rate: number;
  readonly passed: boolean;
}

/** Rates are tried at most so often. */
export const MAX_TRIALS = 10;
const STEP_UP = 1.6;
/** Good enough: the lowest rate that failed is that close to the highest that passed. */
const CLOSE = 1.08;
const MIN_RATE = 10;

/** The next rate to try: up in steps until one fails, then in the middle; undefined when the highest is known well enough. */
export function nextRate(first: number, trials: readonly Trial[]): number | undefined {
  if (trials.length === 0) return first;
  if (trials.length >= MAX_TRIALS) return undefined;
  const best = highestPassed(trials);
  const failed = Math.min(...trials.filter(({ passed }) => !passed).map(({ rate }) => rate));
  if (best === undefined) return failed <= MIN_RATE ? undefined : Math.max(MIN_RATE, Math.round(failed / 2));
  if (failed === Number.POSITIVE_INFINITY) return Math.round(best * STEP_UP);
  return failed / best <= CLOSE ? undefined : Math.round((best + failed) / 2);
}

/** The highest rate below every rate that failed that passed; undefined when none did. */
export function highestPassed(trials: readonly Trial[]): number | undefined {
  const failed = Math.min(...trials.filter(({ passed }) => !passed).map(({ rate }) => rate));
  const passed = trials.filter((trial) => trial.passed && trial.rate < failed).map(({ rate }) => rate);
  return passed.length === 0 ? undefined : Math.max(...passed);
}
