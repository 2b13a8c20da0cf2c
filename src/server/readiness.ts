import { within } from '../lifecycle.ts';

/** Asks one dependency: undefined when it answers, else the text that /readyz shows (behaviour R6). */
export type Check = (signal: AbortSignal) => Promise<string | undefined>;

/** A dependency and the text that tells of its failure. */
export interface NamedCheck {
  /** One lower-case word, for metrics. */
  readonly dependency: string;
  readonly failure: string;
  /** Calls fail without it; without others they go on, and only what follows them waits. */
  readonly essential?: boolean;
  readonly check: Check;
  /** More about it, for people: a line of `/readyz?verbose`. */
  readonly detail?: () => Promise<string | undefined>;
}

/** What the checks found. */
export interface Report {
  /** Of the first that failed, in their order; undefined when none did. */
  readonly failure: string | undefined;
  /** The same, of those without which calls fail. */
  readonly essentialFailure: string | undefined;
  readonly dependencies: readonly DependencyReport[];
}

/** What one check found. */
export interface DependencyReport {
  readonly dependency: string;
  /** Why it is not usable; undefined when it is. */
  readonly failure: string | undefined;
  /** How long its check took. */
  readonly ms: number;
  readonly detail: string | undefined;
}

/** Asks all dependencies, at most once in half a second however many want to know. */
export interface Readiness {
  /** Never rejects; takes two seconds at most. */
  report(): Promise<Report>;
}

const CHECK_TIMEOUT_MS = 2_000;
/** Anybody may ask, so the dependencies are asked at most once in this time. */
const REUSE_MS = 500;

/** A check that rejects or does not answer within two seconds has failed. */
export function createReadiness(checks: readonly NamedCheck[]): Readiness {
  let latest: { readonly at: number; readonly report: Promise<Report> } | undefined;
  return {
    async report() {
      if (latest === undefined || Date.now() - latest.at > REUSE_MS) {
        latest = { at: Date.now(), report: makeReport(checks) };
      }
      return await latest.report;
    },
  };
}

/** The dependencies that can't be used. */
export function failingOf({ dependencies }: Report): ReadonlySet<string> {
  return new Set(
    dependencies.filter(({ failure }) => failure !== undefined).map(({ dependency }) => dependency),
  );
}

async function makeReport(checks: readonly NamedCheck[]): Promise<Report> {
  const dependencies = await Promise.all(checks.map(ask));
  const firstOf = (counts: (index: number) => boolean): string | undefined =>
    dependencies.find(({ failure }, index) => failure !== undefined && counts(index))?.failure;
  return {
    failure: firstOf(() => true),
    essentialFailure: firstOf((index) => checks[index]?.essential === true),
    dependencies,
  };
}

async function ask({ dependency, failure, check, detail }: NamedCheck): Promise<DependencyReport> {
  const startedAt = performance.now();
  const telling = detail === undefined ? undefined : within(CHECK_TIMEOUT_MS, detail, undefined);
  const found = await within(CHECK_TIMEOUT_MS, check, failure);
  const ms = performance.now() - startedAt;
  return { dependency, failure: found, ms, detail: await telling };
}
