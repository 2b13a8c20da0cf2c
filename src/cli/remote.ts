import { randomUUID } from 'node:crypto';
import { Code, ConnectError } from '@connectrpc/connect';
import type { ChatClient } from '../client/client.ts';
import { type Config, loadConfig } from '../config.ts';
import { CipherError } from '../crypto/aes-cbc.ts';
import { createRoomKeys, type RoomKey, type RoomKeys } from '../crypto/room-keys.ts';
import type { Room } from '../gen/services/chat/v1/types_pb.ts';
import { connectTo, inWords } from './chat/connection.ts';
import { type CommandError, UnreachableError, UsageError } from './command.ts';
import { developmentTokens } from './development-tokens.ts';
import { loadSecrets } from './secrets.ts';

/** A running service: where it is, and what is not to be taken from the settings of this machine. */
export interface RemoteOptions {
  /** Without a slash at its end; undefined: where a service with the same settings listens. */
  readonly url: string | undefined;
  /** Undefined: one is signed with the development secret. */
  readonly token: string | undefined;
  /** Hex digits; undefined: the master key of the development service. */
  readonly master: MasterKey | undefined;
}

interface MasterKey {
  readonly key: string;
  readonly iv: string;
}

const TOKEN_TTL_SECONDS = 86_400;
/** Nobody waits longer for what should take milliseconds. */
const ANSWER_MS = 15_000;

/** A command's connection to the service, as one user. */
export interface Remote {
  readonly client: ChatClient;
  readonly config: Config;
  readonly url: string;
}

/**
 * Lets `work` use the service as that user, and closes the connection behind it. What the service refuses becomes a CommandError, and
 * that nobody answers an UnreachableError.
 */
export async function withService<T>(
  env: NodeJS.ProcessEnv,
  options: RemoteOptions & { readonly me: number; readonly clientId?: string },
  work: (remote: Remote) => Promise<T>,
): Promise<T> {
  const { config } = loadConfig(env);
  const url = options.url ?? urlOf(config);
  const token = options.token ?? (() => signedToken(config, options.me));
  const client = connectTo(url, options.clientId ?? `command-${randomUUID()}`, token);
  try {
    return await work({ client, config, url });
  } catch (error) {
    throw failureOf(error, url);
  } finally {
    client.close();
  }
}

/** A failed call in words. */
export function failureOf(error: unknown, url: string): CommandError {
  return ConnectError.from(error).code === Code.DeadlineExceeded ? silent(url, error) : inWords(error, url);
}

function silent(url: string, cause?: unknown): UnreachableError {
  return new UnreachableError(`the service at ${url} does not answer`, { cause });
}

/** The same answer, or an UnreachableError when it takes too long: a service may accept connections and do nothing. */
export async function inTime<T>(answer: Promise<T>, url: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(silent(url)), ANSWER_MS);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Checks the values of `--url`, `--token`, `--chat-key` and `--chat-iv`. Throws a UsageError. */
export function parseRemote(values: {
  readonly url?: string | undefined;
  readonly token?: string | undefined;
  readonly 'chat-key'?: string | undefined;
  readonly 'chat-iv'?: string | undefined;
}): RemoteOptions {
  const { url, token, 'chat-key': key, 'chat-iv': iv } = values;
  if (url !== undefined && !/^https?:\/\/./.test(url))
    throw new UsageError('--url begins with http:// or https://');
  if ((key === undefined) !== (iv === undefined))
    throw new UsageError('--chat-key and --chat-iv go together');
  return {
    url: url?.replace(/\/+$/, ''),
    token,
    master: key === undefined || iv === undefined ? undefined : { key, iv },
  };
}

/** Where a service with these settings listens. */
export function urlOf({ server }: Config): string {
  const host = server.host === '0.0.0.0' || server.host === '::' ? '127.0.0.1' : server.host;
  return `http://${host.includes(':') ? `[${host}]` : host}:${server.port}`;
}

/** A token of that user for a day, signed with the development secret. Throws a CommandError when there is none. */
async function signedToken(config: Config, userId: number): Promise<string> {
  return await developmentTokens(config)({ userId, isAdmin: false, ttlSeconds: TOKEN_TTL_SECONDS });
}

/** Room keys under the given master key, else the one in the settings or in DATA_DIR; undefined when none is known here. */
export function masterKeys(given: RemoteOptions['master'], config: Config): RoomKeys | undefined {
  const { dataDir, masterKey } = config;
  const secrets = dataDir === 'memory:' ? undefined : loadSecrets(dataDir);
  const kept = secrets === undefined ? undefined : { key: secrets.chatKey, iv: secrets.chatIv };
  const master = given ?? masterKey ?? kept;
  try {
    return master === undefined ? undefined : createRoomKeys(master);
  } catch (error) {
    if (error instanceof CipherError) throw new UsageError(`--chat-key and --chat-iv: ${error.message}`);
    throw error;
  }
}

/** Undefined when the room's key was made with another master key: then everything in it stays locked. */
export function openKey(keys: RoomKeys | undefined, room: Pick<Room, 'encryptionData'>): RoomKey | undefined {
  try {
    return keys?.open(room.encryptionData);
  } catch {
    return undefined;
  }
}
