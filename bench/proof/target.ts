import { randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandError } from '../../src/cli/command.ts';
import { developmentTokens, type SignToken, tokensSignedWith } from '../../src/cli/development-tokens.ts';
import { environment, loadConfig } from '../../src/config.ts';
import { type NatsServer, startNats } from '../../test/support/nats-server.ts';
import { NO_RATE_LIMITS } from '../../test/support/no-limits.ts';
import { type PostgresServer, startPostgres } from '../../test/support/postgres-server.ts';
import { whyMissing } from '../../test/support/servers.ts';
import { startChatServer } from '../processes.ts';

/** The service under load. */
export interface Target {
  readonly origin: string;
  readonly sign: SignToken;
  /** What it stands on, for the report. */
  readonly description: string;
  /** What may be killed; undefined for what was not started here. */
  readonly server: Killable | undefined;
  readonly nats: Killable | undefined;
  stop(): Promise<void>;
}

/** A process that can be killed (SIGKILL) and started again where it was. */
export interface Killable {
  kill(): Promise<void>;
  restart(): Promise<void>;
}

/** A service that runs already. Throws a CommandError when its tokens can't be signed here. */
export function runningTarget(origin: string): Target {
  return {
    origin,
    sign: developmentTokens(loadConfig(environment()).config),
    description: origin,
    server: undefined,
    nats: undefined,
    stop: async () => {},
  };
}

/** Starts a service without limits, and what it stands on, on this machine. Throws a CommandError when a server is not installed. */
export async function startTarget(stack: 'embedded' | 'real', logFile: string): Promise<Target> {
  if (stack === 'real') refuseMissing();
  const jwtSecret = randomBytes(32).toString('hex');
  const settings = {
    ...NO_RATE_LIMITS,
    JWT_SECRET: jwtSecret,
    CHAT_KEY: randomBytes(32).toString('hex'),
    CHAT_IV: randomBytes(16).toString('hex'),
    LOG_LEVEL: 'warn',
    MAX_STREAMS_PER_USER: '0',
  };
  const ground = stack === 'real' ? await realGround() : embeddedGround();
  const log = openSync(logFile, 'a');
  try {
    const server = await startChatServer({ ...settings, ...ground.settings }, log);
    return {
      origin: `http://127.0.0.1:${server.port}`,
      sign: tokensSignedWith(jwtSecret, { issuer: undefined, audience: undefined }),
      description: ground.description,
      server,
      nats: ground.nats,
      async stop() {
        await server.stop().finally(ground.stop);
        closeSync(log);
      },
    };
  } catch (error) {
    await ground.stop();
    throw new CommandError(`the service did not start: see ${logFile}`, { cause: error });
  }
}

/** What a service stands on. */
interface Ground {
  readonly settings: Readonly<Record<string, string>>;
  readonly description: string;
  readonly nats: Killable | undefined;
  readonly stop: () => Promise<void>;
}

/** PostgreSQL and NATS are installed here. */
export function hasServers(): boolean {
  return missingServers().length === 0;
}

function missingServers(): readonly string[] {
  return (['postgres', 'nats'] as const).flatMap((kind) => whyMissing(kind) ?? []);
}

function refuseMissing(): void {
  const missing = missingServers();
  if (missing.length > 0) throw new CommandError(`the real stack can't start: ${missing.join('; ')}`);
}

async function realGround(): Promise<Ground> {
  const started: (PostgresServer | NatsServer)[] = [];
  const stop = async (): Promise<void> => {
    for (const server of started.splice(0)) await server.stop();
  };
  try {
    const postgres = await startPostgres({ durable: true });
    started.push(postgres);
    const nats = await startNats();
    started.push(nats);
    return {
      settings: { MODE: 'PROD', DATABASE_URL: postgres.url, NATS_URL: nats.url },
      description: 'PostgreSQL (fsync on) and NATS JetStream',
      nats,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function embeddedGround(): Ground {
  const dir = mkdtempSync(join(tmpdir(), 'chat-load-'));
  return {
    settings: { MODE: 'DEV', DEMO_DATA: 'false', DATA_DIR: join(dir, 'data') },
    description: 'embedded Postgres and broker',
    nats: undefined,
    stop: async () => rmSync(dir, { recursive: true, force: true }),
  };
}
