import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import pino from 'pino';
import type { Caller } from '../src/auth/caller.ts';
import type { CacheStore } from '../src/cache/cache-store.ts';
import { createMessages, type MessagesService } from '../src/chat/messages.ts';
import { createRooms, type RoomsService } from '../src/chat/rooms.ts';
import { SendMessageRequestSchema } from '../src/gen/services/chat/v1/types_pb.ts';
import { createMetrics } from '../src/metrics/metrics.ts';
import { createCachedRoomsRepository } from '../src/repository/cached-rooms-repository.ts';
import type { Db } from '../src/repository/postgres/db.ts';
import { createPgDb } from '../src/repository/postgres/pg-db.ts';
import { mapInParallel } from '../src/repository/scylla/in-parallel.ts';
import type { ScyllaConfig } from '../src/repository/scylla/session.ts';
import type { StoreRoles } from '../src/repository/scylla/store-state.ts';
import { openStores, type Stores } from '../src/repository/stores.ts';
import { CONTENT, type Environment, ROOM_KEY_BLOB, ROOM_KEYS, type SeedRoom } from './environment.ts';

/** Scylla and what it is used for. */
export type UsedScylla = { readonly config: ScyllaConfig; readonly roles: StoreRoles };

/** The rules of the chat over its stores, in this process: no network, no events. */
export interface ChatStore {
  readonly db: Db;
  readonly messages: MessagesService;
  readonly rooms: RoomsService;
  /** Sends a message to the room as its first member. */
  send(room: SeedRoom): Promise<void>;
  /** The same stores, with a cache before them. */
  cached(cache: CacheStore): CachedChatStore;
  /** Between measurements: waits until Scylla has everything, and takes away what nobody publishes here. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

/** The rules of the chat over a cache over the stores of a {@link ChatStore}. */
export interface CachedChatStore extends Pick<ChatStore, 'messages' | 'rooms' | 'send'> {
  /** Share of the views looked up since the last time that were there and of now, 0 to 1. */
  hitRate(): Promise<number>;
}

const LIMITS = {
  maxContentChars: 8192,
  maxParticipantsPerCall: 1000,
  maxGroupMembers: 100_000,
  storePlaintext: false,
};
const SETTLE_MS = 60_000;
const POLL_MS = 20;
/** Rooms that are made at once. */
const PARALLEL_ROOMS = 4;

/** Opens stores of their own with the users and the rooms. Without `scylla` everything is in Postgres. */
export async function openChatStore(
  environment: Environment,
  seed: { readonly users: number; readonly rooms: readonly SeedRoom[] },
  scylla?: UsedScylla,
): Promise<ChatStore> {
  const logger = pino({ level: 'silent' });
  const url = await environment.database({ users: seed.users, rooms: [] });
  const db = createPgDb({ url, maxConnections: 10, logger });
  const stores = await openStores({ db, notifies: false, logger, scylla: scyllaOptions(scylla) });
  // Where Scylla is not written to by those who send, somebody else must.
  if (scylla !== undefined && !scylla.roles.writes) await stores.scylla?.follower.start();
  const store: ChatStore = {
    db,
    ...rulesOver(stores.rooms),
    cached: (cache) => cachedOver(stores, cache),
    settle: () => settle(db),
    async close() {
      await stores.scylla?.follower.stop();
      await settle(db);
      await stores.close();
      await db.close();
    },
  };
  await mapInParallel(seed.rooms, PARALLEL_ROOMS, async (room) => await createRoom(stores, room));
  await store.settle();
  await db.query('ANALYZE');
  return store;
}

function rulesOver(rooms: Stores['rooms']): Pick<ChatStore, 'messages' | 'rooms' | 'send'> {
  const messages = createMessages({ rooms, keys: ROOM_KEYS, limits: LIMITS });
  return {
    messages,
    rooms: createRooms({ rooms, keys: ROOM_KEYS, limits: LIMITS }),
    async send(room) {
      const request = { roomId: room.id, content: CONTENT, senderMessageId: randomUUID() };
      await messages.sendMessage(callerOf(room.members[0] ?? 0), create(SendMessageRequestSchema, request));
    },
  };
}

function cachedOver({ rooms, lists }: Stores, cache: CacheStore): CachedChatStore {
  if (lists === undefined) throw new Error('these stores are not cached');
  const { cacheOperations } = createMetrics();
  return {
    ...rulesOver(createCachedRoomsRepository(rooms, { ...lists, cache, operations: cacheOperations })),
    async hitRate() {
      const { values } = await cacheOperations.get();
      cacheOperations.reset();
      const looked = values.filter(({ labels }) => labels.operation === 'get');
      const sum = (counted: typeof looked): number => counted.reduce((total, { value }) => total + value, 0);
      return sum(looked.filter(({ labels }) => labels.status === 'hit')) / sum(looked);
    },
  };
}

/** Hands out the rooms one after another, for ever. */
export function inTurn(rooms: readonly SeedRoom[]): () => SeedRoom {
  let turn = 0;
  return () => {
    const room = rooms[turn++ % rooms.length];
    if (room === undefined) throw new Error('there is no room');
    return room;
  };
}

/** The user, as one who calls. */
export function callerOf(userId: number): Caller {
  const client = {
    clientId: 'bench',
    lang: 'en',
    timezone: '',
    platform: 'unknown',
    clientVersion: '1.0.0',
  } as const;
  return { userId, isAdmin: false, expiresAt: Number.MAX_SAFE_INTEGER, client };
}

function scyllaOptions(scylla: UsedScylla | undefined): ScyllaConfig & { roles: StoreRoles | undefined } {
  if (scylla !== undefined) return { ...scylla.config, roles: scylla.roles };
  return {
    hosts: [],
    keyspace: '',
    replicationFactor: 1,
    consistency: 'LOCAL_QUORUM',
    datacenter: undefined,
    login: undefined,
    timeoutMs: 0,
    breakerFailures: 0,
    breakerResetMs: 0,
    roles: undefined,
  };
}

/** By the port, not by SQL: where Scylla leads, Postgres holds the heads of rooms alone. */
async function createRoom(stores: Stores, { id, members }: SeedRoom): Promise<void> {
  const [creator = 0, ...participantIds] = members;
  await stores.rooms.createRoom({
    id,
    type: 'group',
    name: 'Room',
    description: '',
    photoUrl: '',
    encryptionData: ROOM_KEY_BLOB,
    sendMessage: true,
    addMember: false,
    editGroup: false,
    creator: callerOf(creator),
    participantIds,
    joinedAt: '2024-01-01T00:00:00Z',
    subscribe: false,
  });
}

async function settle(db: Db): Promise<void> {
  const deadline = performance.now() + SETTLE_MS;
  while (await isBehind(db)) {
    if (performance.now() > deadline) throw new Error('Scylla did not get what was noted for it in time');
    await sleep(POLL_MS);
  }
  await db.query('TRUNCATE outbox, notification_outbox');
}

async function isBehind(db: Db): Promise<boolean> {
  const { rows } = await db.query<{ behind: boolean }>(
    'SELECT EXISTS (SELECT FROM scylla_change) AS behind',
    [],
  );
  return rows[0]?.behind === true;
}
