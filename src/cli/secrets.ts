import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config.ts';

/** Secrets of an embedded development service. */
export interface GeneratedSecrets {
  /** Signs and verifies tokens (HS256). */
  readonly jwtSecret: string;
  /** 64 hex digits. */
  readonly chatKey: string;
  /** 32 hex digits. */
  readonly chatIv: string;
}

/** Inside DATA_DIR; readable by its owner only. */
export const SECRETS_FILE = 'secrets.json';

/**
 * Secrets made at first start and kept in `dataDir`, so that tokens and messages outlive a restart.
 * `memory:` makes new ones each time. Throws when the file is damaged: made anew, stored messages could not be read any more.
 */
export function loadOrMakeSecrets(dataDir: string): GeneratedSecrets {
  if (dataDir === 'memory:') return makeSecrets();
  const kept = loadSecrets(dataDir);
  if (kept !== undefined) return kept;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const draft = join(dataDir, `${SECRETS_FILE}.${process.pid}`);
  writeFileSync(draft, `${JSON.stringify(makeSecrets(), null, 2)}\n`, { mode: 0o600 });
  try {
    // A link appears complete or not at all, and fails when another process was first: then its secrets count.
    linkSync(draft, join(dataDir, SECRETS_FILE));
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  return loadSecrets(dataDir) ?? loadFailed(dataDir);
}

/** The secrets of a service that ran with this `dataDir`; undefined when there are none. */
export function loadSecrets(dataDir: string): GeneratedSecrets | undefined {
  let text: string;
  try {
    text = readFileSync(join(dataDir, SECRETS_FILE), 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  return parse(text) ?? loadFailed(dataDir);
}

function makeSecrets(): GeneratedSecrets {
  const hex = (bytes: number): string => randomBytes(bytes).toString('hex');
  return { jwtSecret: hex(32), chatKey: hex(32), chatIv: hex(16) };
}

function parse(text: string): GeneratedSecrets | undefined {
  let value: Partial<Record<keyof GeneratedSecrets, unknown>>;
  try {
    value = Object(JSON.parse(text));
  } catch {
    return undefined;
  }
  const { jwtSecret, chatKey, chatIv } = value;
  const isHex = (part: unknown, digits: number): part is string =>
    typeof part === 'string' && part.length === digits && /^[0-9a-f]+$/.test(part);
  if (!isHex(jwtSecret, 64) || !isHex(chatKey, 64) || !isHex(chatIv, 32)) return undefined;
  return { jwtSecret, chatKey, chatIv };
}

function loadFailed(dataDir: string): never {
  throw new Error(
    `${join(dataDir, SECRETS_FILE)} is damaged: put it back, or remove DATA_DIR to start afresh`,
  );
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** What a service signs and encrypts with, given or generated. */
export interface Secrets {
  readonly tokenKeys: NonNullable<Config['auth']['keys']>;
  readonly masterKey: NonNullable<Config['masterKey']>;
}

/** What is not configured is made and kept in `dataDir`; production never comes that far without. */
export function secretsOf({ auth, masterKey, dataDir }: Config): Secrets {
  let generated: GeneratedSecrets | undefined;
  const secrets = (): GeneratedSecrets => {
    generated ??= loadOrMakeSecrets(dataDir);
    return generated;
  };
  return {
    tokenKeys: auth.keys ?? { kind: 'secret', secret: secrets().jwtSecret },
    masterKey: masterKey ?? { key: secrets().chatKey, iv: secrets().chatIv },
  };
}
