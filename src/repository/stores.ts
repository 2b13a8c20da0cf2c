import type { Outbox } from '../events/outbox.ts';
import type { Logger } from '../logger.ts';
import type { NotificationQueue } from '../notifications/notifications.ts';
import type { StreamPositions } from '../streams/ports.ts';
import type { CachedRoomsDeps } from './cached-rooms-repository.ts';
import { CommitSignal } from './postgres/commit-signal.ts';
import type { Db } from './postgres/db.ts';
import { createPostgresNotificationQueue } from './postgres/notification-queue.ts';
import { createPostgresOutbox } from './postgres/outbox.ts';
import { createPostgresRoomsRepository } from './postgres/postgres-rooms-repository.ts';
import { createPostgresStreamPositions } from './postgres/stream-positions.ts';
import { createPostgresTokensRepository } from './postgres/tokens.ts';
import { createPostgresUsersRepository } from './postgres/users.ts';
import type { RoomsRepository } from './rooms-repository.ts';
import { createFollower, type Follower } from './scylla/follower.ts';
import { loadMessages } from './scylla/message-rows.ts';
import { loadProfiles, type ReadDeps } from './scylla/profiles.ts';
import { listRooms } from './scylla/room-list.ts';
import { checkCqlSchema } from './scylla/schema.ts';
import { createScyllaRoomsRepository } from './scylla/scylla-rooms-repository.ts';
import {
  connectScylla,
  connectScyllaLater,
  type ScyllaConfig,
  type ScyllaSession,
} from './scylla/session.ts';
import { enterStore, type StoreRoles, scyllaLeads } from './scylla/store-state.ts';
import type { TokensRepository } from './tokens-repository.ts';
import type { UsersRepository } from './users-repository.ts';

/** Everything that is stored, behind its ports. */
export interface Stores {
  readonly rooms: RoomsRepository;
  /** For a cache of `rooms`, where it buys something: when Scylla leads (docs/caching.md). */
  readonly lists: Pick<CachedRoomsDeps, 'listRooms' | 'profiles'> | undefined;
  readonly users: UsersRepository;
  readonly tokens: TokensRepository;
  readonly positions: StreamPositions;
  readonly outbox: Outbox;
  readonly notifications: NotificationQueue;
  /** Undefined when Scylla is not used. */
  readonly scylla: ScyllaStore | undefined;
  /** Whether they can be asked, in the order in which it is told. */
  readonly checks: readonly StoreCheck[];
  /** Closes what was opened here; the database is the caller's. */
  close(): Promise<void>;
}

/** A store and the text that tells of its failure (behaviour R6). */
export interface StoreCheck {
  /** One lower-case word, for metrics. */
  readonly dependency: string;
  readonly failure: string;
  /** Rejects, or answers the text, when the store can't be used. */
  check(): Promise<string | undefined>;
  /** More about it, for people. */
  readonly detail?: () => Promise<string>;
}

/** Scylla, as an operator sees it. */
export interface ScyllaStore {
  /** Nothing works without it. */
  readonly leads: boolean;
  readonly session: ScyllaSession;
  /** Brings to Scylla what it lacks; to be started and stopped. */
  readonly follower: Follower;
}

/** What the stores are opened with. */
export interface StoresOptions {
  /** Open, with the schema. */
  readonly db: Db;
  readonly scylla: ScyllaConfig & { readonly roles: StoreRoles | undefined };
  /** Somebody sends notifications, so they are stored. */
  readonly notifies: boolean;
  /** W3C `traceparent` of what the caller of a store is doing; undefined when nothing is traced. */
  readonly traceContext?: (() => string | undefined) | undefined;
  readonly logger: Logger;
}

/** Where Scylla leads, or writes wait for it, a process brings its own changes there: the sweep only looks at what it left behind. */
const LEFT_BEHIND_MS = 1_000;

/**
 * Opens the stores over an open database. Rejects with a text for the operator when Scylla leads and can't be used, or when
 * rooms or messages would be missing; a Scylla that only follows may be away.
 */
export async function openStores(options: StoresOptions): Promise<Stores> {
  const { db, scylla, notifies, traceContext, logger } = options;
  const events = new CommitSignal();
  const jobs = new CommitSignal();
  const { roles } = scylla;
  const state = await enterStore(db, roles ?? { reads: false, writes: false, sync: false });
  const announcing = { db, events, notifications: notifies ? jobs : undefined, traceContext };
  const base = createPostgresRoomsRepository(announcing);
  const common = {
    checks: [
      {
        dependency: 'postgres',
        failure: 'PostgreSQL health check failed',
        check: async () => void (await db.query('SELECT 1', [])),
      },
    ],
    users: createPostgresUsersRepository(db),
    tokens: createPostgresTokensRepository(db),
    positions: createPostgresStreamPositions(db),
    notifications: createPostgresNotificationQueue({ db, signal: jobs }),
  };
  if (roles === undefined) {
    const outbox = createPostgresOutbox({ db, signal: events });
    return {
      ...common,
      rooms: base,
      lists: undefined,
      outbox,
      scylla: undefined,
      close: async () => undefined,
    };
  }
  const leads = scyllaLeads(roles);
  const session = await openSession(scylla, leads, logger);
  logger.info({ leader: state.leader, ...roles }, 'using Scylla');
  const follower = createFollower({
    db,
    session,
    logger,
    applied: leads ? events : new CommitSignal(),
    minAgeMs: roles.writes ? LEFT_BEHIND_MS : 0,
    ...(roles.writes ? {} : { noted: events }),
  });
  return {
    ...common,
    rooms: createScyllaRoomsRepository(base, session, { ...announcing, roles }),
    lists: leads ? listsOf({ session, sql: db }) : undefined,
    outbox: createPostgresOutbox({
      db,
      signal: events,
      ...(leads
        ? { elsewhere: async (ids) => await loadMessages({ session, sql: db }, ids, undefined) }
        : {}),
    }),
    scylla: { leads, session, follower },
    checks: [...common.checks, scyllaCheck({ leads, session, follower })],
    close: () => session.close(),
  };
}

function listsOf(reads: ReadDeps): NonNullable<Stores['lists']> {
  return {
    listRooms: async (userId, query) => await listRooms(reads, userId, query),
    profiles: async (userIds) => await loadProfiles(reads.sql, userIds),
  };
}

/** Only a Scylla that leads is needed: for one that follows PostgreSQL answers. */
function scyllaCheck({ leads, session, follower }: ScyllaStore): StoreCheck {
  return {
    dependency: 'scylladb',
    failure: 'ScyllaDB health check failed',
    async check() {
      if (leads) await session.ping();
      return undefined;
    },
    async detail() {
      const { changes, oldestAgeMs } = await follower.lag();
      const state = session.breakerState() === 'closed' ? 'answers' : 'does not answer';
      return `ScyllaDB ${state}, ${changes} changes behind, the oldest for ${(oldestAgeMs / 1000).toFixed(1)} s`;
    },
  };
}

/** A Scylla that leads must be there; one that follows is waited for while the service runs. */
async function openSession(config: ScyllaConfig, leads: boolean, logger: Logger): Promise<ScyllaSession> {
  let session: ScyllaSession;
  try {
    session = await connectScylla(config, logger);
  } catch (error) {
    if (leads) throw error;
    logger.warn({ err: error }, 'Scylla is away: what changes is noted, and brought there later');
    return connectScyllaLater(config, logger);
  }
  try {
    await checkCqlSchema(session, config);
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}
