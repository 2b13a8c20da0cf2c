import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { SignJWT } from 'jose';
import { Client } from 'pg';
import { encryptMessage } from '../src/crypto/message-cipher.ts';
import { createRoomKeys } from '../src/crypto/room-keys.ts';
import { startNats } from '../test/support/nats-server.ts';
import { NO_RATE_LIMITS } from '../test/support/no-limits.ts';
import { startPostgres } from '../test/support/postgres-server.ts';
import { type Cassandra, createCassandra } from './cassandra.ts';
import type { Identity } from './clients.ts';
import type { Place } from './load-protocol.ts';
import { type ChatServer, startChatServer } from './processes.ts';

/** The servers of a run, and how long it measures. */
export interface Environment {
  readonly rounds: number;
  /** Of one measurement. */
  readonly seconds: number;
  readonly quick: boolean;
  /** Makes a database with the schema, users 1 to `users`, and the rooms; resolves to its URL. */
  database(seed: Seed): Promise<string>;
  /** Starts the service on that database; `more` settings beside the usual ones. */
  chat(databaseUrl: string, more?: Readonly<Record<string, string>>): Promise<ChatServer>;
  /** For keyspaces; not started before the first. */
  readonly cassandra: Cassandra;
  stop(): Promise<void>;
}

/** What a database starts with. */
export type Seed = { readonly users: number; readonly rooms: readonly SeedRoom[] };

/** A group whose first member owns it. */
export type SeedRoom = { readonly id: string; readonly members: readonly number[] };

const MASTER = { key: '7'.repeat(64), iv: '3'.repeat(32) };
const JWT_SECRET = 'a secret of the benchmark only, 32 bytes or more';
/** Opens the room keys of the seeded rooms. */
export const ROOM_KEYS = createRoomKeys(MASTER);
/** One key for all rooms: making one is not measured. */
export const ROOM_KEY_BLOB = ROOM_KEYS.create();

/** Ciphertext of a message: about 300 bytes. */
export const CONTENT = encryptMessage(
  'A message of the usual length. '.repeat(7),
  ROOM_KEYS.open(ROOM_KEY_BLOB),
);

/** Starts durable servers, or uses those that TEST_DATABASE_URL, TEST_NATS_URL and TEST_SCYLLA_HOSTS name. */
export async function startEnvironment(options: { readonly quick: boolean }): Promise<Environment> {
  const { TEST_DATABASE_URL, TEST_NATS_URL } = process.env;
  const postgres = TEST_DATABASE_URL ? undefined : await startPostgres({ durable: true });
  const nats = TEST_NATS_URL ? undefined : await startNats();
  const admin = postgres?.url ?? TEST_DATABASE_URL ?? '';
  const natsUrl = nats?.url ?? TEST_NATS_URL ?? '';
  const cassandra = createCassandra();
  const made: string[] = [];
  return {
    quick: options.quick,
    rounds: options.quick ? 1 : 3,
    seconds: options.quick ? 1 : 3,
    async database(seed) {
      const name = `bench_${randomUUID().replaceAll('-', '')}`;
      await withClient(admin, (client) => client.query(`CREATE DATABASE ${name}`));
      made.push(name);
      const url = new URL(admin);
      url.pathname = `/${name}`;
      await withClient(url.href, (client) => fill(client, seed));
      return url.href;
    },
    chat: (databaseUrl, more = {}) => startChatServer({ ...settings(databaseUrl, natsUrl), ...more }),
    cassandra,
    async stop() {
      await cassandra.stop();
      if (postgres === undefined) {
        await withClient(admin, async (client) => {
          for (const name of made) await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
        });
      }
      await postgres?.stop();
      await nats?.stop();
    },
  };
}

/** Signs a token for a user; it lasts for an hour. */
export async function identityOf(userId: number): Promise<Identity> {
  const token = await new SignJWT({ user_id: userId })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('1h')
    .sign(Buffer.from(JWT_SECRET));
  return { token, clientId: `bench-${userId}` };
}

/** Rooms of two members each: room n has the users 2n + 1 and 2n + 2. */
export function pairRooms(count: number): SeedRoom[] {
  return Array.from({ length: count }, (_, n) => ({ id: randomUUID(), members: [2 * n + 1, 2 * n + 2] }));
}

/** For each room, its owner about to say something. */
export async function placesOf(rooms: readonly SeedRoom[]): Promise<Place[]> {
  return await Promise.all(
    rooms.map(async ({ id, members }) => ({
      roomId: id,
      identity: await identityOf(members[0] ?? 0),
      content: CONTENT,
    })),
  );
}

function settings(databaseUrl: string, natsUrl: string): Record<string, string> {
  return {
    MODE: 'PROD',
    DATABASE_URL: databaseUrl,
    NATS_URL: natsUrl,
    JWT_SECRET,
    CHAT_KEY: MASTER.key,
    CHAT_IV: MASTER.iv,
    LOG_LEVEL: 'error',
    MAX_STREAMS_PER_USER: '0',
    ...NO_RATE_LIMITS,
    STREAM_HEARTBEAT_MS: '300000',
  };
}

async function fill(client: Client, { users, rooms }: Seed): Promise<void> {
  await client.query(readFileSync(new URL('../schema.sql', import.meta.url), 'utf8'));
  await client.query(
    `INSERT INTO "user" (id, name) SELECT n, 'User ' || n FROM generate_series(1, $1::int) n`,
    [users],
  );
  await client.query(
    `INSERT INTO room (id, name, type, encription_data) SELECT id, 'Room ' || n, 'group', $2
     FROM unnest($1::uuid[]) WITH ORDINALITY AS row(id, n)`,
    [rooms.map(({ id }) => id), ROOM_KEY_BLOB],
  );
  const members = rooms.flatMap(({ id, members: userIds }) =>
    userIds.map((userId, index) => ({ id, userId, role: index === 0 ? 'OWNER' : 'MEMBER' })),
  );
  await client.query(
    `INSERT INTO room_member (room_id, user_id, role) SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[])`,
    [members.map(({ id }) => id), members.map(({ userId }) => userId), members.map(({ role }) => role)],
  );
  await client.query('ANALYZE');
}

async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
