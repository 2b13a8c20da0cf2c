import { readFileSync } from 'node:fs';
import { nearest, suggestion } from './nearest.ts';
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

/** Keys of inherited files that mean nothing here. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  ...['database.maxIdleConnections', 'database.connMaxIdleTime', 'database.connMaxLifetime'],
  ...['publictoken', 'grpc.clientAddresses.chat-messages'],
]);

/** Keys in the JSON file that no setting reads, each with why in words. None when there is no readable file. */
export function unknownFileKeys(
  path: string | undefined,
): { readonly name: string; readonly text: string }[] {
  const file = path === undefined ? undefined : readJson(path, []);
  const known = Object.entries(SETTINGS).flatMap(([name, { fileKey }]) =>
    fileKey === undefined ? [name] : [fileKey, name],
  );
  return leaves(file, '')
    .filter((key) => !known.includes(key) && !WITHOUT_EFFECT.has(key))
    .map((name) => ({ name, text: `no setting has this key${suggestion(name, known)}` }));
}

/** Dotted keys of everything that is no object. */
function leaves(value: unknown, key: string): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return key === '' ? [] : [key];
  return Object.entries(value).flatMap(([name, inner]) =>
    leaves(inner, key === '' ? name : `${key}.${name}`),
  );
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
