import type { DescService } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import { type Client, createClient, type Interceptor, type Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { SignJWT } from 'jose';
import pino from 'pino';
import { inject } from 'vitest';
import { type App, type AppOverrides, createApp } from '../../src/app.ts';
import { type Config, loadConfig } from '../../src/config.ts';
import { ChatService } from '../../src/gen/services/chat/v1/service_pb.ts';
import { TokensService } from '../../src/gen/services/tokens/v1/service_pb.ts';
import { UsersService } from '../../src/gen/services/users/v1/service_pb.ts';
import { UserSchema } from '../../src/gen/services/users/v1/types_pb.ts';
import { createTestDatabase } from './database.ts';
import { createTestKeyspace, type TestKeyspace } from './keyspace.ts';
import { startNats } from './nats-server.ts';
import { NO_RATE_LIMITS } from './no-limits.ts';
import { usedStore } from './store.ts';

/** Signs the tokens of every test app. */
export const TEST_JWT_SECRET = 'a test secret of at least 32 bytes';

/** Every way to speak to the one port. */
export const PROTOCOLS = [
  'connect-1.1',
  'connect-1.1-json',
  'connect-2',
  'connect-2-json',
  'grpc',
  'grpc-json',
  'grpc-web-1.1',
  'grpc-web-2',
] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** The keyspace that belongs to a database, in files that run on Scylla. */
const keyspaces = new Map<string, TestKeyspace>();

/** What a test app stands on; the default is a fresh database on the real Postgres (else embedded) and the in-process broker. */
export interface TestAppOptions {
  /** An existing database with the schema: for a second instance, or one that is killed. Kept at `stop`. */
  readonly databaseUrl?: string;
  /** Embedded Postgres, also when there is a real one. */
  readonly embedded?: boolean;
  /** `jetstream`: a NATS server of its own; a URL: that one, kept at `stop`. */
  readonly broker?: 'memory' | 'jetstream' | `nats://${string}`;
  /** Users 1 to this many exist; 8. */
  readonly users?: number;
  /** With the limits that a service has by default; without them unless told so. */
  readonly limited?: boolean;
  /** Settings beside those. */
  readonly env?: Readonly<Record<string, string>>;
  readonly overrides?: AppOverrides;
}

/** A running service and what tests need to talk to it. */
export interface TestApp {
  readonly app: App;
  readonly config: Config;
  /** `http://127.0.0.1:…` */
  readonly url: string;
  /** Of its database, empty when embedded; of its NATS, empty when in process: for a second instance. */
  readonly databaseUrl: string;
  readonly natsUrl: string;
  /** Everything it logged, parsed. */
  readonly logs: readonly Readonly<Record<string, unknown>>[];
  /** Stops the service, and what was started for it. May be called twice. */
  stop(): Promise<void>;
}

/** Starts a real service on a free port. */
export async function startTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  const cleanups: (() => Promise<void>)[] = [];
  const cleanUp = async (): Promise<void> => {
    for (const work of cleanups.splice(0).reverse()) await work();
  };
  try {
    const databaseUrl = await database(options, cleanups);
    const natsUrl = await nats(options, cleanups);
    const scylla = usedStore() === 'scylla' ? await scyllaEnv(databaseUrl) : {};
    const { config } = loadConfig({
      SERVER_ADDRESS: '127.0.0.1:0',
      DATA_DIR: 'memory:',
      DEMO_DATA: 'false',
      JWT_SECRET: TEST_JWT_SECRET,
      DATABASE_URL: databaseUrl,
      NATS_URL: natsUrl,
      ...(options.limited === true ? {} : NO_RATE_LIMITS),
      ...scylla,
      ...options.env,
    });
    const logs: Record<string, unknown>[] = [];
    const logger = pino({ level: config.log.level }, { write: (line) => logs.push(JSON.parse(line)) });
    const app = createApp(config, logger, options.overrides);
    cleanups.push(() => app.stop());
    await app.start();
    await makeUsers(app, options.users ?? 8);
    return { app, config, url: app.address().url, databaseUrl, natsUrl, logs, stop: cleanUp };
  } catch (error) {
    await cleanUp();
    throw error;
  }
}

/** Users 1 to `count`, named `User 1` and so on, with phone and avatar. */
async function makeUsers(app: App, count: number): Promise<void> {
  const users = Array.from({ length: count }, (_, index) =>
    create(UserSchema, {
      id: index + 1,
      name: `User ${index + 1}`,
      phone: `+1555000${index + 1}`,
      avatar: `https://example.com/${index + 1}.png`,
    }),
  );
  if (users.length > 0) await app.parts().users.upsertUsers(users);
}

async function database(options: TestAppOptions, cleanups: (() => Promise<void>)[]): Promise<string> {
  if (options.databaseUrl !== undefined) return options.databaseUrl;
  if (options.embedded === true || options.overrides?.db !== undefined || inject('postgresUrl') === '')
    return '';
  const { url, drop } = await createTestDatabase();
  cleanups.push(drop);
  return url;
}

/** Settings of a service whose rooms are in Scylla: in the same keyspace for all services on that database. */
export async function scyllaEnv(databaseUrl: string): Promise<Readonly<Record<string, string>>> {
  // Each embedded database is another one.
  const known = databaseUrl === '' ? undefined : keyspaces.get(databaseUrl);
  const keyspace = known ?? (await createTestKeyspace());
  keyspaces.set(databaseUrl === '' ? keyspace.config.keyspace : databaseUrl, keyspace);
  return { USE_SCYLLADB: 'true', ...keyspace.env };
}

/** Deletes what {@link scyllaEnv} made; the last thing of a file. */
export async function dropKeyspaces(): Promise<void> {
  for (const keyspace of keyspaces.values()) await keyspace.drop();
  keyspaces.clear();
}

async function nats(
  { broker = 'memory' }: TestAppOptions,
  cleanups: (() => Promise<void>)[],
): Promise<string> {
  if (broker === 'memory') return '';
  if (broker !== 'jetstream') return broker;
  // Its own: subjects of users are the same in every test.
  const server = await startNats();
  cleanups.push(() => server.stop());
  return server.url;
}

/** What a token says. */
export interface TokenOptions {
  readonly admin?: boolean;
  /** Seconds until it expires; 3600. */
  readonly ttl?: number;
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** A token that every test app accepts. */
export async function tokenOf(userId: number, options: TokenOptions = {}): Promise<string> {
  const role = options.admin === true ? { role: 'admin' } : {};
  return await new SignJWT({ user_id: userId, ...role, ...options.claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime(Math.floor(Date.now() / 1000) + (options.ttl ?? 3_600))
    .sign(Buffer.from(TEST_JWT_SECRET));
}

/** How a client introduces itself. */
export interface ClientOptions {
  readonly protocol?: Protocol;
  /** A user (a token is made), or a token, or nobody. */
  readonly as?: number | string;
  readonly admin?: boolean;
  readonly clientId?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A client of the chat. */
export async function chatClient(
  url: string,
  options: ClientOptions = {},
): Promise<Client<typeof ChatService>> {
  return await clientOf(ChatService, url, options);
}

/** A client of the user administration; as an administrator unless told otherwise. */
export async function usersClient(
  url: string,
  options: ClientOptions = {},
): Promise<Client<typeof UsersService>> {
  return await clientOf(UsersService, url, { as: 1, admin: true, ...options });
}

/** A client for push tokens. */
export async function tokensClient(
  url: string,
  options: ClientOptions = {},
): Promise<Client<typeof TokensService>> {
  return await clientOf(TokensService, url, options);
}

async function clientOf<S extends DescService>(
  service: S,
  url: string,
  options: ClientOptions,
): Promise<Client<S>> {
  const { as, admin = false, clientId } = options;
  const token = typeof as === 'number' ? await tokenOf(as, { admin }) : as;
  const headers = {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(clientId === undefined ? {} : { 'x-client-id': clientId }),
    ...options.headers,
  };
  return createClient(service, transportOf(url, options.protocol ?? 'connect-2', headers));
}

/** A transport of its own, that is a connection of its own (HTTP/2). */
export function transportOf(
  baseUrl: string,
  protocol: Protocol,
  headers: Readonly<Record<string, string>> = {},
): Transport {
  const withHeaders: Interceptor = (next) => (request) => {
    for (const [name, value] of Object.entries(headers)) request.header.set(name, value);
    return next(request);
  };
  const useBinaryFormat = !protocol.endsWith('-json');
  const httpVersion = protocol.includes('1.1') ? '1.1' : '2';
  const common = { baseUrl, useBinaryFormat, interceptors: [withHeaders] };
  if (protocol.startsWith('connect')) return createConnectTransport({ ...common, httpVersion });
  if (protocol.startsWith('grpc-web')) return createGrpcWebTransport({ ...common, httpVersion });
  return createGrpcTransport(common);
}
