import { randomUUID } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import pino from 'pino';
import { createMemoryCacheStore } from '../../src/cache/memory-cache-store.ts';
import { createRedisCacheStore } from '../../src/cache/redis-cache-store.ts';
import { GetRoomsRequestSchema } from '../../src/gen/services/chat/v1/types_pb.ts';
import { connectRedis } from '../../src/redis/redis-connection.ts';
import { findRedis, startRedis } from '../../test/support/redis-server.ts';
import { missingCassandra } from '../cassandra.ts';
import { type CachedChatStore, type ChatStore, callerOf, inTurn, openChatStore } from '../chat-store.ts';
import type { SeedRoom } from '../environment.ts';
import { closedLoop } from '../load.ts';
import { type Figure, median } from '../report.ts';
import { race } from '../rounds.ts';
import type { Scenario } from './scenario.ts';

const LISTED = 50;
/** All are in all rooms; the first member of each room, who is in no other, sends. */
const READERS = Array.from({ length: 16 }, (_, n) => n + 1);
const MESSAGES_PER_ROOM = 20;
const LEADING = { reads: true, writes: true, sync: false };
/** Rooms in which something was said since everybody looked the last time. */
const CHANGED = [0, 10, 40];
const LIST = create(GetRoomsRequestSchema, { page: 1, limit: LISTED });

/**
 * What the cache buys where Scylla leads, through the rules of the chat (no network, no events): a list of 50 rooms without it, with it in
 * the process and in Redis, when none, some and most of the rooms have changed. And sends, which it must not touch.
 */
export const cache: Scenario = {
  name: 'cache',
  missing: () => missingCassandra() ?? (findRedis() === undefined ? 'no redis-server on PATH' : undefined),
  async run(environment) {
    const server = await startRedis();
    const redis = connectRedis(
      {
        ...{ urls: [server.url], password: undefined, cluster: false, timeoutMs: 50 },
        breaker: { failures: 5, resetMs: 1_000 },
      },
      pino({ level: 'silent' }),
    );
    const rooms = seedRooms();
    const { config } = await environment.cassandra.keyspace();
    const users = READERS.length + LISTED;
    const chat = await openChatStore(environment, { users, rooms }, { config, roles: LEADING });
    const stands = {
      'in the process': chat.cached(createMemoryCacheStore()),
      'in Redis': chat.cached(createRedisCacheStore(redis)),
    };
    try {
      await sendMany(chat, rooms, MESSAGES_PER_ROOM * LISTED);
      const figures: Figure[] = [];
      for (const changed of CHANGED) {
        figures.push(...(await measureLists(chat, stands, rooms, changed, environment.quick ? 8 : 25)));
      }
      return [...figures, ...(await measureSends(chat, stands, rooms, environment.quick ? 5 : 15))];
    } finally {
      await chat.close();
      await redis.close();
      await server.stop();
    }
  },
};

type Stands = Readonly<Record<'in the process' | 'in Redis', CachedChatStore>>;

function seedRooms(): SeedRoom[] {
  return Array.from({ length: LISTED }, (_, room) => {
    return { id: randomUUID(), members: [READERS.length + room + 1, ...READERS] };
  });
}

async function sendMany(chat: ChatStore, rooms: readonly SeedRoom[], calls: number): Promise<void> {
  if (calls === 0) return;
  const next = inTurn(rooms);
  const { failures } = await closedLoop({ callers: 16, seconds: 120, calls }, () => chat.send(next()));
  if (failures > 0) throw new Error(`${failures} messages could not be stored`);
  await chat.settle();
}

/** In each round something is said, and then everybody asks for his list, one after another, of each in turn. */
async function measureLists(
  chat: ChatStore,
  cached: Stands,
  rooms: readonly SeedRoom[],
  changed: number,
  rounds: number,
): Promise<Figure[]> {
  const stands = { 'no cache': chat, ...cached };
  const times = Object.fromEntries(Object.keys(stands).map((name) => [name, [] as number[]]));
  for (const stand of Object.values(stands)) await listAll(stand);
  for (const stand of Object.values(cached)) await stand.hitRate();
  for (let round = 0; round < rounds; round += 1) {
    await sendMany(chat, rooms.slice(0, changed), changed);
    for (const [name, stand] of Object.entries(stands)) times[name]?.push(await listAll(stand));
  }
  const name = `GetRooms, ${LISTED} rooms, ${changed} changed`;
  const off = median(times['no cache'] ?? []);
  const figures: Figure[] = [{ name: `${name}, no cache`, unit: 'ms', value: off }];
  for (const [where, stand] of Object.entries(cached)) {
    figures.push(
      { name: `${name}, ${where}`, unit: 'ms', value: median(times[where] ?? []), floor: off },
      { name: `${name}, ${where}: hits`, unit: 'of views', value: await stand.hitRate() },
    );
  }
  return figures;
}

/** Milliseconds of one list. */
async function listAll({ rooms }: Pick<ChatStore, 'rooms'>): Promise<number> {
  const from = performance.now();
  for (const reader of READERS) {
    const { items } = await rooms.getRooms(callerOf(reader), LIST);
    if (items.length !== LISTED) throw new Error(`${items.length} rooms were listed`);
  }
  return (performance.now() - from) / READERS.length;
}

async function measureSends(
  chat: ChatStore,
  cached: Stands,
  rooms: readonly SeedRoom[],
  rounds: number,
): Promise<Figure[]> {
  const next = inTurn(rooms);
  const stands = { 'no cache': chat, ...cached };
  const contenders = Object.fromEntries(
    Object.entries(stands).map(([name, stand]) => [
      name,
      { call: async () => await stand.send(next()), settle: async () => await chat.settle() },
    ]),
  );
  const found = await race(contenders, { rounds, seconds: 0.6, warmUpMs: 100, callers: 16 });
  return Object.entries(found).map(([name, value]) => ({
    ...{ name: `SendMessage, 16 callers, ${name}`, unit: '/s', value },
    ...(name === 'no cache' ? {} : { floor: found['no cache'] ?? Number.NaN }),
  }));
}
