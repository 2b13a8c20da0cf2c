import type { Environment } from '../environment.ts';
import type { Figure } from '../report.ts';

/** Something that is measured. */
export interface Scenario {
  /** For `--only`. */
  readonly name: string;
  /** Why it can't be measured here; undefined when it can. Missing: it always can. */
  missing?(): string | undefined;
  run(environment: Environment): Promise<Figure[]>;
}
