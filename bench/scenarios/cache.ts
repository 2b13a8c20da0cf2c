import { randomUUID } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import pino from 'pino';
import type { CacheStore } from '../../src/cache/cache-store.ts';
import { createMemoryCacheStore } from '../../src/cache/memory-cache-store.ts';
import { createRedisCacheStore } from '../../src/cache/redis-cache-store.ts';
import { GetRoomsRequestSchema } from '../../src/gen/services/chat/v1/types_pb.ts';
import { connectRedis } from '../../src/redis/redis-connection.ts';
import { findRedis, startRedis } from '../../test/support/redis-server.ts';
import { missingCassandra } from '../cassandra.ts';
import { type ChatStore, callerOf, inTurn, openChatStore } from '../chat-store.ts';
import type { Environment, SeedRoom } from '../environment.ts';
import { closedLoop } from '../load.ts';
import type { Figure } from '../report.ts';
import { type Contender, type Rounds, race } from '../rounds.ts';
import type { Scenario } from './scenario.ts';

const LISTED = 50;
/** Each caller is a user of his own, so that nobody waits for what another one loads. All are in all rooms, which have one more member each. */
const READERS = Array.from({ length: 16 }, (_, n) => n + 1);
const USERS = READERS.length + LISTED;
const MESSAGES_PER_ROOM = 50;
const LEADING = { reads: true, writes: true, sync: false };

/**
 * What the cache buys, through the rules of the chat (no network, no events): a list of 50 rooms without it, with it in the process and in
 * Redis, when nothing changed since the last time, when one of the rooms did, and when all of them did. And sends, which it must not touch.
 */
export const cache: Scenario = {
  name: 'cache',
  missing: () => (findRedis() === undefined ? 'no redis-server on PATH' : undefined),
  async run(environment) {
    const server = await startRedis();
    const breaker = { failures: 5, resetMs: 1_000 };
    const redis = connectRedis(
      { urls: [server.url], password: undefined, cluster: false, timeoutMs: 50, breaker },
      pino({ level: 'silent' }),
    );
    const figures: Figure[] = [];
    try {
      figures.push(...(await measureOn('PostgreSQL', environment, () => createRedisCacheStore(redis))));
      if (missingCassandra() === undefined) {
        figures.push(...(await measureOn('Scylla', environment, () => createRedisCacheStore(redis))));
      }
    } finally {
      await redis.close();
      await server.stop();
    }
    return figures;
  },
};

async function measureOn(
  store: 'PostgreSQL' | 'Scylla',
  environment: Environment,
  redisCache: () => CacheStore,
): Promise<Figure[]> {
  const rooms = seedRooms();
  const keyspace = store === 'Scylla' ? await environment.cassandra.keyspace() : undefined;
  const scylla = keyspace && { config: keyspace.config, roles: LEADING };
  const chat = await openChatStore(environment, { users: USERS, rooms }, scylla);
  try {
    await fill(chat, rooms);
    const figures: Figure[] = [];
    for (const callers of [1, 16]) {
      figures.push(...(await measureLists(store, environment, chat, rooms, redisCache, callers)));
    }
    return [...figures, ...(await measureSends(store, environment, chat, rooms, redisCache))];
  } finally {
    await chat.close();
  }
}

/** The first member of each, who is in no other, sends. */
function seedRooms(): SeedRoom[] {
  return Array.from({ length: LISTED }, (_, room) => {
    return { id: randomUUID(), members: [READERS.length + room + 1, ...READERS] };
  });
}

async function fill(chat: ChatStore, rooms: readonly SeedRoom[]): Promise<void> {
  const next = inTurn(rooms);
  const calls = MESSAGES_PER_ROOM * rooms.length;
  const { failures } = await closedLoop({ callers: 64, seconds: 120, calls }, () => chat.send(next()));
  if (failures > 0) throw new Error(`${failures} messages could not be stored`);
  await chat.settle();
}

async function measureLists(
  store: string,
  environment: Environment,
  chat: ChatStore,
  rooms: readonly SeedRoom[],
  redisCache: () => CacheStore,
  callers: number,
): Promise<Figure[]> {
  const settings = { ...shortRounds(environment), callers };
  const figures: Figure[] = [];
  for (const { label, share } of callers === 1 ? CHANGES.slice(0, 1) : CHANGES) {
    const inProcess = chat.cached(createMemoryCacheStore());
    const inRedis = chat.cached(redisCache());
    const none = chat.cached(EMPTY);
    const next = inTurn(rooms);
    const change = async (): Promise<void> => {
      if (share > 0) await chat.send(next());
    };
    const contenders = {
      off: listing(chat, change),
      ...(share === 0 ? { none: listing(none, change) } : {}),
      inProcess: listing(inProcess, change),
      inRedis: listing(inRedis, change),
    };
    const found = await race<string>(contenders, settings);
    const hits = { inProcess: await inProcess.hitRate(), inRedis: await inRedis.hitRate() };
    const name = `GetRooms, ${LISTED} rooms, ${store}, ${callers} caller${callers === 1 ? '' : 's'}, ${label}`;
    const off = found.off ?? Number.NaN;
    figures.push({ name: `${name}, no cache`, unit: '/s', value: off });
    for (const [key, where] of CACHES) {
      figures.push(
        { name: `${name}, ${where}`, unit: '/s', value: found[key] ?? Number.NaN, floor: off },
        { name: `${name}, ${where}: hits`, unit: 'of views', value: hits[key] },
      );
    }
    if (found.none !== undefined) {
      figures.push({ name: `${name}, nothing ever cached`, unit: '/s', value: found.none, floor: off });
    }
  }
  return figures;
}

/** Many short ones: what else the machine does meets all alike. */
function shortRounds({ quick }: Environment): Omit<Rounds, 'callers'> {
  return { rounds: quick ? 9 : 25, seconds: 0.6, warmUpMs: 100 };
}

const CHANGES = [
  { label: 'nothing new', share: 0 },
  { label: 'one send each', share: 1 },
] as const;

const CACHES = [
  ['inProcess', 'in the process'],
  ['inRedis', 'in Redis'],
] as const;

/** What it costs when it never helps. */
const EMPTY: CacheStore = {
  getMany: async (_group, keys) => keys.map(() => undefined),
  setMany: async () => true,
};

/** A reader asks for his rooms, after something happened. */
function listing({ rooms }: Pick<ChatStore, 'rooms'>, before: () => Promise<void>): Contender {
  const request = create(GetRoomsRequestSchema, { page: 1, limit: LISTED });
  return {
    async call(caller) {
      await before();
      const { items } = await rooms.getRooms(callerOf(READERS[caller] ?? 0), request);
      if (items.length !== LISTED) throw new Error(`${items.length} rooms were listed`);
    },
  };
}

async function measureSends(
  store: string,
  environment: Environment,
  chat: ChatStore,
  rooms: readonly SeedRoom[],
  redisCache: () => CacheStore,
): Promise<Figure[]> {
  const stands = {
    off: chat,
    inProcess: chat.cached(createMemoryCacheStore()),
    inRedis: chat.cached(redisCache()),
  };
  const next = inTurn(rooms);
  const found = await race(
    {
      off: { call: () => stands.off.send(next()), settle: () => chat.settle() },
      inProcess: { call: () => stands.inProcess.send(next()), settle: () => chat.settle() },
      inRedis: { call: () => stands.inRedis.send(next()), settle: () => chat.settle() },
    },
    { ...shortRounds(environment), callers: 16 },
  );
  const name = `SendMessage, ${store}, 16 callers`;
  return [
    { name: `${name}, no cache`, unit: '/s', value: found.off },
    ...CACHES.map(([key, where]) => ({
      name: `${name}, ${where}`,
      unit: '/s',
      value: found[key],
      floor: found.off,
    })),
  ];
}
