import { readFileSync } from 'node:fs';
import { SETTINGS, type Setting } from './settings.ts';

/** What is wrong with one setting. */
export interface Problem {
  readonly name: string;
  readonly found: string;
  readonly allowed: string;
}

/** The text of a setting, and who says so. */
export interface Found {
  readonly text: string;
  readonly source: 'environment' | 'file';
  /** The variable, or the key in the file. */
  readonly key: string;
}

/** Where the texts of the settings come from. An empty text counts as not set. */
export interface Sources {
  /** The text of a setting: environment by name and aliases, then the file by its key and by name; undefined when it is nowhere. */
  text(name: string, setting: Setting): string | undefined;
  /** The same, with its source. */
  find(name: string, setting: Setting): Found | undefined;
  readonly problems: readonly Problem[];
}

/** Opens the environment and, when a path is given, the JSON file. */
export function openSources(env: NodeJS.ProcessEnv, configFile: string | undefined): Sources {
  const problems: Problem[] = [];
  const file = configFile === undefined ? undefined : readJson(configFile, problems);
  const find: Sources['find'] = (name, setting) => {
    for (const key of [name, ...setting.aliases]) {
      const text = env[key];
      if (text !== undefined && text !== '') return { text, source: 'environment', key };
    }
    const keys = setting.fileKey === undefined ? [name] : [setting.fileKey, name];
    for (const key of keys) {
      const text = fileText(file, key, problems);
      if (text !== undefined) return { text, source: 'file', key };
    }
    return undefined;
  };
  return { problems, find, text: (name, setting) => find(name, setting)?.text };
}

const WATCHED = /^(CHAT|JWT|STREAM|SCYLLA|POSTGRES|REDIS|NATS|RATE_LIMIT|METRICS|NOTIFICATIONS)_/;
/** Warnings about variables that have no effect: unknown ones with the nearest known name,  */
export function variableWarnings(env: NodeJS.ProcessEnv): string[] {
  const known = Object.entries(SETTINGS).flatMap(([name, { aliases }]) => [name, ...aliases]);
  const warnings: string[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || value === '' || known.includes(name)) continue;
    if (WATCHED.test(name)) warnings.push(`${name} is unknown; did you mean ${nearest(name, known)}?`);
  }
  return warnings;
}

/** The candidate with the smallest edit distance. */
function nearest(name: string, candidates: readonly string[]): string {
  const ranked = candidates.map((candidate) => ({ candidate, distance: editDistance(name, candidate) }));
  return ranked.sort((a, b) => a.distance - b.distance)[0]?.candidate ?? '';
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function readJson(path: string, problems: Problem[]): unknown {
  const problem = (found: string): undefined => {
    problems.push({ name: 'CONFIG_FILE', found, allowed: 'a readable JSON file' });
  };
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return problem(`${path} (can't be read)`);
  }
  try {
    return JSON.parse(text);
  } catch {
    return problem(`${path} (not JSON)`);
  }
}

/** The value at a dotted key; arrays become comma lists. A key may also be written with its dots. */
function fileText(file: unknown, key: string, problems: Problem[]): string | undefined {
  const value = property(file, key) ?? key.split('.').reduce<unknown>(property, file);
  if (value === undefined || value === null || value === '') return undefined;
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.join(',');
  if (typeof value !== 'object') return String(value);
  problems.push({ name: key, found: 'an object', allowed: 'a text, a number, true, false or a list' });
  return undefined;
}

function property(object: unknown, key: string): unknown {
  return typeof object === 'object' && object !== null && Object.hasOwn(object, key)
    ? Object.getOwnPropertyDescriptor(object, key)?.value
    : undefined;
}
