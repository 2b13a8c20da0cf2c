import { randomUUID } from 'node:crypto';
import type { TestKeyspace } from '../../test/support/keyspace.ts';
import { type ChatStore, openChatStore } from '../chat-store.ts';
import { type Environment, pairRooms, type SeedRoom } from '../environment.ts';
import { type BareCql, openBareCql } from '../floors/cql-client.ts';
import { type BareStore, openBareStore } from '../floors/grouped-insert.ts';
import type { Rounds } from '../rounds.ts';

/** Scylla alone: it has everything, and Postgres decides. */
const LEADING = { reads: true, writes: true, sync: false };
const PAIRS = 200;
/** Members of the rooms among which a send must cost the same. */
export const SIZES = [2, 100, 10_000] as const;
/** Who reads; users of other rooms have lower ids. */
const READER = 10_001;
const LISTED = 50;
const USERS = READER + LISTED + 1;

/** Everything that is measured, filled with the same rooms. */
export interface ScyllaBench {
  readonly environment: Environment;
  readonly rooms: BenchRooms;
  readonly postgres: ChatStore;
  readonly scylla: ChatStore;
  /** Postgres and its driver alone. */
  readonly bare: BareStore;
  /** Cassandra and its driver alone, in the same keyspace. */
  readonly cql: BareCql;
  readonly keyspace: TestKeyspace;
  /** How long and how often most is measured. */
  readonly rounds: Omit<Rounds, 'callers'>;
  close(): Promise<void>;
}

/** The rooms by what they are for. Their first member sends. */
export interface BenchRooms {
  readonly pairs: readonly SeedRoom[];
  readonly hot: SeedRoom;
  /** In the order of {@link SIZES}. */
  readonly sizes: readonly SeedRoom[];
  /** Rooms of the reader. */
  readonly listed: readonly SeedRoom[];
  readonly reader: number;
}

/** Opens both stores and both floors. */
export async function openScyllaBench(environment: Environment): Promise<ScyllaBench> {
  const keyspace = await environment.cassandra.keyspace();
  const rooms = benchRooms();
  const all = [...rooms.pairs, rooms.hot, ...rooms.sizes, ...rooms.listed];
  const seed = { users: USERS, rooms: all };
  const postgres = await openChatStore(environment, seed);
  const scylla = await openChatStore(environment, seed, { config: keyspace.config, roles: LEADING });
  const bareRooms = [...rooms.pairs, rooms.hot];
  const bare = await openBareStore(await environment.database({ users: 2 * PAIRS, rooms: bareRooms }));
  const cql = await openBareCql(keyspace.config);
  const { rounds, seconds, quick } = environment;
  return {
    ...{ environment, rooms, postgres, scylla, bare, cql, keyspace },
    rounds: { rounds, seconds: quick ? 0.6 : seconds, warmUpMs: 200 },
    async close() {
      await Promise.all([postgres.close(), scylla.close(), bare.close(), cql.close()]);
    },
  };
}

function benchRooms(): BenchRooms {
  const members = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
  const listed = Array.from({ length: LISTED }, (_, n) => ({
    id: randomUUID(),
    members: [READER + n + 1, READER],
  }));
  return {
    pairs: pairRooms(PAIRS),
    hot: { id: randomUUID(), members: members(2) },
    sizes: SIZES.map((size) => ({ id: randomUUID(), members: members(size) })),
    listed,
    reader: READER,
  };
}
