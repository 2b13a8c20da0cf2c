import type { Finding, Group } from './finding.ts';
import { duration, reason } from './words.ts';

/** How long one dependency is waited for. */
export const PROBE_MS = 3_000;

/** Asks one dependency. What it opens it closes itself, also when nobody waits for it any more. */
export interface Probe {
  readonly group: Group;
  /** Name of the finding when it can't be asked. */
  readonly name: string;
  /** What to do when it can't be asked. */
  readonly todo: string;
  ask(): Promise<readonly Finding[]>;
}

/** What the probe found; one that rejects, or is not done in time, has failed. Never rejects. */
export async function within(probe: Probe, limitMs: number = PROBE_MS): Promise<readonly Finding[]> {
  const { group, name, todo } = probe;
  const failed = (text: string): Finding[] => [{ group, name, state: 'fail', text, todo }];
  const late = Promise.withResolvers<readonly Finding[]>();
  const timer = setTimeout(() => late.resolve(failed(`did not answer within ${duration(limitMs)}`)), limitMs);
  try {
    return await Promise.race([probe.ask(), late.promise]);
  } catch (error) {
    return failed(`can't be used: ${reason(error)}`);
  } finally {
    clearTimeout(timer);
  }
}
