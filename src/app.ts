import {
  brokerCheck,
  cacheRooms,
  createBroker,
  createDirectory,
  createNotificationsClient,
  redisChecks,
} from './app/adapters.ts';
import { createFront, type Front } from './app/front.ts';
import { countSent, dispatcherHooks, measureState, streamsHooks } from './app/measure.ts';
import { applyConfig, type Reloadable } from './app/reload.ts';
import { openTracing, traceDeliveries } from './app/trace.ts';
import { createReloadableVerifier } from './auth/reloadable-verifier.ts';
import { type Chat, createChat } from './chat/chat.ts';
import { createPushRenderer } from './chat/push.ts';
import { seedDemoData } from './cli/demo-data.ts';
import { type Secrets, secretsOf } from './cli/secrets.ts';
import type { Config } from './config.ts';
import { createRoomKeys, type RoomKeys } from './crypto/room-keys.ts';
import type { Broker } from './events/broker.ts';
import { createDispatcher, type Dispatcher } from './events/dispatcher.ts';
import { type Service, startAll, stopAll } from './lifecycle.ts';
import { createLimits } from './limits/limits.ts';
import { type Logger, withTraceIds } from './logger.ts';
import { createMetrics } from './metrics/metrics.ts';
import { createNotificationWorker } from './notifications/notification-worker.ts';
import type { NotificationsClient } from './notifications/notifications.ts';
import { connectRedis, type RedisConnection } from './redis/redis-connection.ts';
import { measured } from './repository/measured.ts';
import type { Db } from './repository/postgres/db.ts';
import { openDatabase } from './repository/postgres/open-database.ts';
import type { RoomsRepository } from './repository/rooms-repository.ts';
import { openStores, type ScyllaStore, type Stores } from './repository/stores.ts';
import type { UsersRepository } from './repository/users-repository.ts';
import type { ListenAddress, ServerLimits } from './server/http-server.ts';
import { createReadiness } from './server/readiness.ts';
import { createStreams, type Streams } from './streams/streams.ts';
import type { TracingService } from './tracing/start-tracing.ts';

/** The whole service. `stop` takes ten seconds at most. */
export interface App extends Service {
  /** Where it listens; throws before it does. */
  address(): ListenAddress;
  /** Where its metrics are: the same, unless they have a port of their own. */
  metricsAddress(): ListenAddress;
  /** From now on goes by this configuration, as far as that is possible while it runs: see {@link applyConfig}. */
  reload(config: Config): Promise<void>;
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

/** All of a stop. */
const STOP_MS = 10_000;
const BUFFER_BYTES = 1_048_576;

/**
 * Builds the service: the one place that knows every part. Nothing runs, and nothing is opened, before `start`, which
 * rejects with a text for the operator when the database can't be used. A broker that is away is no reason: /readyz tells.
 */
export function createApp(config: Config, logger: Logger, overrides: AppOverrides = {}): App {
  return new ChatApp(config, logger, overrides);
}

class ChatApp implements App {
  readonly #config: Config;
  #logger: Logger;
  readonly #overrides: AppOverrides;
  #tracing: TracingService | undefined;
  #parts: AppParts | undefined;
  #front: Front | undefined;
  #reloadable: Reloadable | undefined;
  #services: readonly Service[] = [];
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(config: Config, logger: Logger, overrides: AppOverrides) {
    this.#config = config;
    this.#logger = logger;
    this.#overrides = overrides;
  }

  address(): ListenAddress {
    if (this.#front === undefined) throw new Error('the service was not started');
    return this.#front.address();
  }

  metricsAddress(): ListenAddress {
    if (this.#front === undefined) throw new Error('the service was not started');
    return this.#front.metricsAddress();
  }

  async reload(config: Config): Promise<void> {
    if (this.#reloadable === undefined) throw new Error('the service was not started');
    await applyConfig(config, this.#reloadable);
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
    const service = await openTracing(this.#config, this.#logger);
    const tracing = service?.tracing;
    if (tracing !== undefined) this.#logger = withTraceIds(this.#logger, () => tracing.current());
    this.#tracing = service;
    const db = this.#overrides.db ?? (await openDatabase({ ...database, dataDir, logger: this.#logger }));
    const redis = this.#config.redis && connectRedis(this.#config.redis, this.#logger);
    let stores: Stores | undefined;
    const close = async (): Promise<void> => {
      await redis?.close();
      await stores?.close();
      await db.close();
    };
    try {
      stores = await openStores({
        db,
        scylla: this.#config.scylla,
        notifies: this.#wantsNotifications(),
        traceContext: tracing && (() => tracing.current()?.traceContext),
        logger: this.#logger,
      });
      const { parts, services } = this.#build(db, stores, redis, secrets);
      this.#parts = parts;
      if (this.#config.demoData && (await seedDemoData(parts))) this.#logger.info('demo data was made');
      await startAll(services);
      // A receiver of traces that makes a stop wait holds up nothing else.
      const traces = service === undefined ? [] : [service];
      this.#services = [...traces, { start: async () => {}, stop: close }, ...services];
    } catch (error) {
      await close();
      await service?.stop();
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
    redis: RedisConnection | undefined,
    secrets: Secrets,
  ): { readonly parts: AppParts; readonly services: readonly Service[] } {
    const config = this.#config;
    const logger = this.#logger;
    const { users, tokens, positions, outbox, scylla } = stores;
    const metrics = createMetrics();
    const database = scylla?.leads === true ? 'scylladb' : 'postgres';
    const tracing = this.#tracing?.tracing;
    const rooms = measured(cacheRooms(stores, redis, metrics), metrics.queryDuration, database, tracing);
    const keys = createRoomKeys(secrets.masterKey);
    const broker = this.#overrides.broker ?? createBroker(config, logger);
    const dispatcher = createDispatcher({ outbox, broker, logger, hooks: dispatcherHooks(metrics), tracing });
    const notifications = createNotificationsClient(config, logger);
    const worker = createNotificationWorker({
      queue: stores.notifications,
      client: this.#overrides.notifications ?? notifications.client,
      renderPush: createPushRenderer({ rooms, keys }),
      logger,
      settled: (kind, outcome) => metrics.notifications.inc({ kind, outcome }),
    });
    const streamsSettings = {
      heartbeatMs: config.streams.heartbeatMs,
      bufferEvents: config.streams.buffer,
      bufferBytes: BUFFER_BYTES,
      maxStreamsPerUser: config.streams.maxPerUser,
      consumers: config.streams.consumers,
    };
    const streams = createStreams({
      broker,
      directory: createDirectory(rooms, users),
      positions,
      logger,
      settings: streamsSettings,
      hooks: { ...streamsHooks(metrics), ...(tracing && traceDeliveries(tracing)) },
    });
    const limits = { ...config.limits, storePlaintext: config.storePlaintext };
    const sent = countSent(metrics, database);
    const chat = createChat({ rooms, users, tokens, keys, typing: streams, limits, sent });
    const jwtSecret = secrets.tokenKeys.kind === 'secret' ? secrets.tokenKeys.secret : undefined;
    const parts: AppParts = { db, rooms, users, chat, keys, broker, dispatcher, streams, scylla, jwtSecret };
    const readiness = createReadiness([
      ...stores.checks.map((check) => ({ ...check, essential: true })),
      ...redisChecks(redis),
      brokerCheck(broker),
    ]);
    measureState(metrics, { db, outbox, dispatcher, streams, scylla, redis, notifications, readiness });
    const { issuer, audience } = config.auth;
    const verifier = createReloadableVerifier({ keys: secrets.tokenKeys, issuer, audience }, logger);
    const rateLimits = createLimits({ rates: config.rateLimits, redis, metrics });
    this.#reloadable = {
      ...{ limits: rateLimits, verifier, streams: streamsSettings, madeKeys: secrets.tokenKeys },
    };
    this.#front = createFront({
      ...{ config, logger, chat, streams, users, verifier, limits: rateLimits, metrics, readiness, tracing },
      jwtSecret,
      masterKey: secrets.masterKey,
      serverLimits: this.#overrides.serverLimits,
    });
    const follower = scylla === undefined ? [] : [scylla.follower];
    return { parts, services: [broker, ...follower, dispatcher, worker, streams, this.#front] };
  }

  /** Without a service to tell, and without a log that shows them, notifications would be work for nobody. */
  #wantsNotifications(): boolean {
    const isTold =
      this.#config.notifications.url !== undefined || this.#overrides.notifications !== undefined;
    return isTold || this.#logger.isLevelEnabled('debug');
  }
}
