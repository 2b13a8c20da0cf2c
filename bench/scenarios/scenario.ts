import type { Environment } from '../environment.ts';
import type { Figure } from '../report.ts';

/** Something that is measured. */
export interface Scenario {
  /** For `--only`. */
  readonly name: string;
  run(environment: Environment): Promise<Figure[]>;
}
