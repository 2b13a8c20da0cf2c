import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The program of that name on PATH; undefined when there is none. */
export function findOnPath(program: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find((file) => existsSync(file));
}
