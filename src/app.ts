import { createActiveUsers } from './auth/active-users.ts';
import { createTokenVerifier } from './auth/token-verifier.ts';
import { type Chat, createChat } from './chat/chat.ts';
import { createPushRenderer } from './chat/push.ts';
import { seedDemoData } from './cli/demo-data.ts';
import { type Secrets, secretsOf } from './cli/secrets.ts';
import type { Config } from './config.ts';
import { createRoomKeys, type RoomKeys } from './crypto/room-keys.ts';
import type { Broker } from './events/broker.ts';
import { createDispatcher, type Dispatcher } from './events/dispatcher.ts';
import { createJetStreamBroker } from './events/jetstream-broker.ts';
import { createMemoryBroker } from './events/memory-broker.ts';
import { type Service, startAll, stopAll } from './lifecycle.ts';
import type { Logger } from './logger.ts';
import { createConnectNotificationsClient } from './notifications/connect-notifications-client.ts';
import { createLogNotificationsClient } from './notifications/log-notifications-client.ts';
import { createNotificationWorker } from './notifications/notification-worker.ts';
import type { NotificationsClient } from './notifications/notifications.ts';
import type { Db } from './repository/postgres/db.ts';
import { openDatabase } from './repository/postgres/open-database.ts';
import type { RoomsRepository } from './repository/rooms-repository.ts';
import { openStores, type ScyllaStore, type Stores } from './repository/stores.ts';
import type { UsersRepository } from './repository/users-repository.ts';
import { createRpcHandlers } from './rpc/adapter.ts';
import { createRoutes } from './rpc/routes.ts';
import { createCors } from './server/cors.ts';
import type { HttpHandler } from './server/exchange.ts';
import { healthHandler, readinessHandler } from './server/health.ts';
import {
  createHttpServer,
  type HttpServer,
  type ListenAddress,
  type ServerLimits,
} from './server/http-server.ts';
import type { StreamDirectory } from './streams/ports.ts';
import { createStreams, type Streams } from './streams/streams.ts';

/** The whole service. `stop` takes ten seconds at most. */
export interface App extends Service {
  /** Where it listens; throws before it does. */
  address(): ListenAddress;
  /** What it is made of, for the command line and tests; throws before it was started. */
  parts(): AppParts;
}

/** The parts that others look at. */
export interface AppParts {
  readonly db: Db;
  readonly rooms: RoomsRepository;
  readonly users: UsersRepository;
  readonly chat: Chat;
  readonly keys: RoomKeys;
  readonly broker: Broker;
  readonly dispatcher: Dispatcher;
  readonly streams: Streams;
  /** Undefined when Scylla is not used. */
  readonly scylla: ScyllaStore | undefined;
  /** Signs tokens of a development service; undefined when the service only holds a public key. */
  readonly jwtSecret: string | undefined;
}

/** What a test puts in place of what the configuration says. */
export interface AppOverrides {
  /** Open and with the schema; closed by the app. */
  readonly db?: Db;
  readonly broker?: Broker;
  readonly notifications?: NotificationsClient;
  readonly serverLimits?: Partial<ServerLimits>;
}

/** The inherited text; what exactly is wrong is in the log. */
const NATS_DOWN = 'NATS connection is down';
/** All of a stop. */
const STOP_MS = 10_000;
/** Of it, for running requests: the rest is for what they left in the outbox. */
const REQUESTS_STOP_MS = 5_000;
const NOTIFICATION_TIMEOUT_MS = 5_000;
const BUFFER_BYTES = 1_048_576;
const IDLE_HEARTBEATS = 3;
const MIN_IDLE_MS = 90_000;

/**
 * Builds the service: the one place that knows every part. Nothing runs, and nothing is opened, before `start`, which
 * rejects with a text for the operator when the database can't be used. A broker that is away is no reason: /readyz tells.
 */
export function createApp(config: Config, logger: Logger, overrides: AppOverrides = {}): App {
  return new ChatApp(config, logger, overrides);
}

class ChatApp implements App {
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #overrides: AppOverrides;
  readonly #draining = new AbortController();
  readonly #streamsEnd = new AbortController();
  #parts: AppParts | undefined;
  #server: HttpServer | undefined;
  #services: readonly Service[] = [];
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(config: Config, logger: Logger, overrides: AppOverrides) {
    this.#config = config;
    this.#logger = logger;
    this.#overrides = overrides;
  }

  address(): ListenAddress {
    if (this.#server === undefined) throw new Error('the service was not started');
    return this.#server.address();
  }

  parts(): AppParts {
    if (this.#parts === undefined) throw new Error('the service was not started');
    return this.#parts;
  }

  async start(): Promise<void> {
    if (this.#stopping !== undefined) return;
    this.#starting ??= this.#start();
    await this.#starting;
  }

  async stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    await this.#stopping;
  }

  async #start(): Promise<void> {
    const secrets = secretsOf(this.#config);
    const { database, dataDir } = this.#config;
    const db = this.#overrides.db ?? (await openDatabase({ ...database, dataDir, logger: this.#logger }));
    let stores: Stores | undefined;
    const close = async (): Promise<void> => {
      await stores?.close();
      await db.close();
    };
    try {
      stores = await openStores({
        db,
        scylla: this.#config.scylla,
        notifies: this.#wantsNotifications(),
        logger: this.#logger,
      });
      const { parts, services } = this.#build(db, stores, secrets);
      this.#parts = parts;
      if (this.#config.demoData && (await seedDemoData(parts))) this.#logger.info('demo data was made');
      await startAll(services);
      this.#services = [{ start: async () => {}, stop: close }, ...services];
    } catch (error) {
      await close();
      throw error;
    }
  }

  async #stop(): Promise<void> {
    // A failed start has cleaned up itself.
    await this.#starting?.catch(() => {});
    for (const error of await stopAll(this.#services, STOP_MS)) {
      this.#logger.error({ err: error }, 'a part could not be stopped properly');
    }
  }

  /** Everything over an open database, and what of it runs, in the order in which it starts. */
  #build(
    db: Db,
    stores: Stores,
    secrets: Secrets,
  ): { readonly parts: AppParts; readonly services: readonly Service[] } {
    const config = this.#config;
    const logger = this.#logger;
    const { rooms, users, tokens, positions, outbox, scylla } = stores;
    const keys = createRoomKeys(secrets.masterKey);
    const broker = this.#overrides.broker ?? createBroker(config, logger);
    const dispatcher = createDispatcher({ outbox, broker, logger });
    const worker = createNotificationWorker({
      queue: stores.notifications,
      client: this.#overrides.notifications ?? createNotificationsClient(config, logger),
      renderPush: createPushRenderer({ rooms, keys }),
      logger,
    });
    const streams = createStreams({
      broker,
      directory: createDirectory(rooms, users),
      positions,
      logger,
      settings: {
        heartbeatMs: config.streams.heartbeatMs,
        bufferEvents: config.streams.buffer,
        bufferBytes: BUFFER_BYTES,
        maxStreamsPerUser: config.streams.maxPerUser,
        consumers: config.streams.consumers,
      },
    });
    const limits = { ...config.limits, storePlaintext: config.storePlaintext };
    const chat = createChat({ rooms, users, tokens, keys, typing: streams, limits });
    const jwtSecret = secrets.tokenKeys.kind === 'secret' ? secrets.tokenKeys.secret : undefined;
    const parts: AppParts = { db, rooms, users, chat, keys, broker, dispatcher, streams, scylla, jwtSecret };
    const server = this.#createServer(parts, stores, secrets);
    this.#server = server;
    const follower = scylla === undefined ? [] : [scylla.follower];
    return {
      parts,
      services: [broker, ...follower, dispatcher, worker, streams, this.#front(server, streams)],
    };
  }

  /** Without a service to tell, and without a log that shows them, notifications would be work for nobody. */
  #wantsNotifications(): boolean {
    const isTold =
      this.#config.notifications.url !== undefined || this.#overrides.notifications !== undefined;
    return isTold || this.#logger.isLevelEnabled('debug');
  }

  #createServer({ broker, users, chat, streams }: AppParts, stores: Stores, secrets: Secrets): HttpServer {
    const config = this.#config;
    const logger = this.#logger;
    const { issuer, audience, sessionCookie, clientIdCookie } = config.auth;
    const rpcs = createRpcHandlers({
      routes: createRoutes({ chat, streams }),
      maxRequestBytes: config.limits.maxRequestBytes,
      verifier: createTokenVerifier({ keys: secrets.tokenKeys, issuer, audience }, logger),
      activeUsers: createActiveUsers(users),
      cookies: { session: sessionCookie, clientId: clientIdCookie },
      draining: this.#draining.signal,
      streamsEnd: this.#streamsEnd.signal,
      logger,
    });
    const checks = [
      ...stores.checks,
      {
        failure: NATS_DOWN,
        check: async () => ((await broker.health()) === undefined ? undefined : NATS_DOWN),
      },
    ];
    return createHttpServer({
      ...config.server,
      cors: createCors(config.corsOrigins),
      routes: new Map<string, HttpHandler>([
        ...rpcs,
        ['/health', healthHandler()],
        ['/readyz', readinessHandler(checks, this.#draining.signal)],
      ]),
      logger,
      limits: {
        idleTimeoutMs: Math.max(MIN_IDLE_MS, IDLE_HEARTBEATS * config.streams.heartbeatMs),
        ...this.#overrides.serverLimits,
      },
    });
  }

  /** The port. Stopping it: not ready, no new streams, open ones end with `unavailable`, running requests finish. */
  #front(server: HttpServer, streams: Streams): Service {
    return {
      start: () => server.start(),
      stop: async (deadline = AbortSignal.timeout(STOP_MS)) => {
        this.#draining.abort();
        await streams.stop(deadline);
        // Whatever is still open after that: streams that were just opening, clients that don't read.
        this.#streamsEnd.abort();
        await server.stop(AbortSignal.any([deadline, AbortSignal.timeout(REQUESTS_STOP_MS)]));
      },
    };
  }
}

function createBroker({ nats }: Config, logger: Logger): Broker {
  return nats === undefined ? createMemoryBroker() : createJetStreamBroker({ ...nats, logger });
}

function createNotificationsClient({ notifications }: Config, logger: Logger): NotificationsClient {
  const { url, token } = notifications;
  if (url === undefined) return createLogNotificationsClient(logger);
  const bearer = token === undefined ? {} : { token };
  return createConnectNotificationsClient({ url, ...bearer, timeoutMs: NOTIFICATION_TIMEOUT_MS });
}

function createDirectory(rooms: RoomsRepository, users: UsersRepository): StreamDirectory {
  return {
    async memberships(userId) {
      const memberships = await rooms.getMemberships(userId);
      return new Map(memberships.map(({ roomId, joinEvent }) => [roomId, joinEvent]));
    },
    roomView: (userId, roomId) => rooms.getRoom(userId, roomId, 'full'),
    activeUsers: (userIds) => users.activeUsers(userIds),
  };
}
