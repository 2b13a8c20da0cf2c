import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';

/** What the tests look at in a service of docker-compose.yml; anchors are resolved. */
export interface ComposeService {
  readonly image: string;
  readonly command?: readonly string[];
  readonly profiles?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string; readonly required?: boolean }>>;
  readonly restart?: string;
  readonly mem_limit?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly logging?: { readonly options: Readonly<Record<string, string>> };
}

/** docker-compose.yml. */
export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

/** The file as it is written, with variables in it. */
export function readCompose(): ComposeFile {
  return parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true });
}

/** As Compose does: puts the variables into every text. Throws where a needed one is not set. */
export function interpolate<T>(value: T, variables: Readonly<Record<string, string>>): T;
export function interpolate(value: unknown, variables: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') return interpolateText(value, variables);
  if (Array.isArray(value)) return value.map((item) => interpolate(item, variables));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, interpolate(item, variables)]));
}

/** What `deploy/make-env` writes, as variables; each time other ones. */
export function makeEnv(): Record<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'chat-env-'));
  try {
    const file = join(folder, '.env');
    execFileSync('deploy/make-env', [file]);
    const lines = readFileSync(file, 'utf8').matchAll(/^(\w+)=(.*)$/gm);
    return Object.fromEntries([...lines].map(([, name = '', value = '']) => [name, value]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function interpolateText(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(
    /\$(?:(\$)|\{(\w+)(?:(:[-?])([^}]*))?\})/g,
    (_, dollar: string | undefined, name: string, how: string | undefined, rest: string | undefined) => {
      if (dollar !== undefined) return dollar;
      const value = variables[name] ?? '';
      if (value !== '' || how === undefined) return value;
      if (how === ':?') throw new Error(`${name}: ${rest}`);
      return rest ?? '';
    },
  );
}
