/** When each message is meant to be sent: a rate that rises evenly, then stays. */
export interface Schedule {
  /** Messages over the whole time. */
  readonly total: number;
  /** Milliseconds after the start at which message `index` (0, 1, 2 …) is due. */
  dueAt(index: number): number;
}

/** A schedule of `rate` messages a second for `seconds`, after `rampSeconds` in which it rises from 0. */
export function planSchedule(rate: number, rampSeconds: number, seconds: number): Schedule {
  const ramped = Math.floor((rate * rampSeconds) / 2);
  return {
    total: ramped + Math.floor(rate * seconds),
    dueAt(index) {
      if (index >= ramped) return (rampSeconds + (index - ramped) / rate) * 1_000;
      // The area under the rising rate is the number of messages so far.
      return Math.sqrt((2 * index * rampSeconds) / rate) * 1_000;
    },
  };
}
