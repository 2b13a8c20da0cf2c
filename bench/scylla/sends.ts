import { type ChatStore, inTurn, openChatStore } from '../chat-store.ts';
import { pairRooms, type SeedRoom } from '../environment.ts';
import { bareCqlInsert } from '../floors/bare-cql-insert.ts';
import { saveBare } from '../floors/grouped-insert.ts';
import type { Figure } from '../report.ts';
import { type Contender, race } from '../rounds.ts';
import type { ScyllaBench } from './setup.ts';

/** Sends by the rules of the chat: Postgres against the bare grouped insert, Scylla against the driver's insert of the one row. */
export async function measureSends(bench: ScyllaBench): Promise<Figure[]> {
  const figures: Figure[] = [];
  const { pairs, hot } = bench.rooms;
  const places = [
    { label: `${pairs.length} rooms`, rooms: pairs },
    { label: 'one room', rooms: [hot] },
  ];
  for (const { label, rooms } of places) {
    const contenders = contendersIn(bench, rooms);
    // Cassandra compiles what it does often.
    if (rooms === pairs) await race(contenders, { ...bench.rounds, rounds: 1, callers: 64 });
    for (const callers of [1, 16, 64]) {
      const rate = await race(contenders, { ...bench.rounds, callers });
      const name = `stored messages, ${callers} caller${callers === 1 ? '' : 's'}, ${label}`;
      figures.push({ name: `${name}, Postgres`, unit: '/s', value: rate.postgres, floor: rate.bare });
      figures.push({ name: `${name}, Scylla`, unit: '/s', value: rate.scylla, floor: rate.cql });
    }
  }
  return figures;
}

/** The same where Postgres holds everything and Scylla as well: told afterwards, or before the answer. */
export async function measureDualWrites(bench: ScyllaBench): Promise<Figure[]> {
  const mirrored = await openMirrored(bench, { reads: false, writes: false });
  const backup = await openMirrored(bench, { reads: true, writes: true });
  try {
    const rate = await race(
      { mirrored: sending(...mirrored), backup: sending(...backup) },
      { ...bench.rounds, callers: 64 },
    );
    const name = 'stored messages, 64 callers, 200 rooms';
    return [
      { name: `${name}, Postgres, told to Scylla afterwards`, unit: '/s', value: rate.mirrored },
      { name: `${name}, Scylla with Postgres as backup`, unit: '/s', value: rate.backup },
    ];
  } finally {
    await mirrored[0].close();
    await backup[0].close();
  }
}

/** With rooms of its own: the keyspace is shared. */
async function openMirrored(
  { environment, keyspace, rooms }: ScyllaBench,
  roles: { readonly reads: boolean; readonly writes: boolean },
): Promise<[ChatStore, SeedRoom[]]> {
  const own = pairRooms(rooms.pairs.length);
  const used = { config: keyspace.config, roles: { ...roles, sync: true } };
  return [await openChatStore(environment, { users: 2 * own.length, rooms: own }, used), own];
}

function contendersIn(
  { postgres, scylla, bare, cql }: ScyllaBench,
  rooms: readonly SeedRoom[],
): Record<'bare' | 'postgres' | 'cql' | 'scylla', Contender> {
  const insert = bareCqlInsert(cql, rooms.length);
  const next = inTurn(rooms);
  return {
    bare: { call: () => saveBare(bare, next()), settle: () => bare.settle() },
    postgres: sending(postgres, rooms),
    cql: { call: insert },
    scylla: sending(scylla, rooms),
  };
}

/** Sends to the rooms in turn. */
export function sending(store: ChatStore, rooms: readonly SeedRoom[]): Contender {
  const next = inTurn(rooms);
  return { call: () => store.send(next()), settle: () => store.settle() };
}
