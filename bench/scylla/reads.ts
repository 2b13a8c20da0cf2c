import { create } from '@bufbuild/protobuf';
import {
  GetMessageHistoryRequestSchema,
  GetRoomsRequestSchema,
} from '../../src/gen/services/chat/v1/types_pb.ts';
import { type ChatStore, callerOf, inTurn } from '../chat-store.ts';
import { bareCqlSelect } from '../floors/bare-cql-select.ts';
import { closedLoop } from '../load.ts';
import type { Figure } from '../report.ts';
import { type Contender, race } from '../rounds.ts';
import type { ScyllaBench } from './setup.ts';

const CALLERS = 16;
const MESSAGES_PER_ROOM = 50;

/** A history of 50 and a list of 50 rooms by the rules of the chat, Scylla beside Postgres. */
export async function measureReads(bench: ScyllaBench): Promise<Figure[]> {
  await fillRooms(bench.postgres, bench);
  await fillRooms(bench.scylla, bench);
  const rounds = { ...bench.rounds, callers: CALLERS };
  const history = await race(
    {
      postgres: reading(bench.postgres, bench, 'history'),
      cql: { call: bareCqlSelect(bench.cql, bench.rooms.listed[0]?.id ?? '') },
      scylla: reading(bench.scylla, bench, 'history'),
    },
    rounds,
  );
  const rooms = await race(
    {
      postgres: reading(bench.postgres, bench, 'rooms'),
      scylla: reading(bench.scylla, bench, 'rooms'),
    },
    // One such call is hundreds of reads.
    { ...rounds, seconds: Math.max(rounds.seconds, 2) },
  );
  return [
    ...figuresOf('GetMessageHistory, 50 messages', history, history.cql),
    ...figuresOf('GetRooms, 50 rooms', rooms),
  ];
}

function figuresOf(
  label: string,
  rate: { readonly postgres: number; readonly scylla: number },
  floor?: number,
): Figure[] {
  const name = `${label} in the process, ${CALLERS} callers`;
  return [
    { name: `${name}, Postgres`, unit: '/s', value: rate.postgres },
    { name: `${name}, Scylla`, unit: '/s', value: rate.scylla, ...(floor === undefined ? {} : { floor }) },
    { name: `${name}, Scylla to Postgres`, unit: '×', value: rate.scylla / rate.postgres },
  ];
}

async function fillRooms(store: ChatStore, { rooms: { listed } }: ScyllaBench): Promise<void> {
  const next = inTurn(listed);
  const calls = MESSAGES_PER_ROOM * listed.length;
  const { failures } = await closedLoop({ callers: 64, seconds: 60, calls }, () => store.send(next()));
  if (failures > 0) throw new Error(`${failures} messages could not be stored`);
  await store.settle();
}

/** The reader asks, and gets as much as he asked for. */
function reading(store: ChatStore, { rooms }: ScyllaBench, what: 'history' | 'rooms'): Contender {
  const caller = callerOf(rooms.reader);
  const page = { page: 1, limit: 50 };
  const list = create(GetRoomsRequestSchema, page);
  const history = create(GetMessageHistoryRequestSchema, { ...page, id: rooms.listed[0]?.id ?? '' });
  return {
    async call() {
      const { items } =
        what === 'rooms'
          ? await store.rooms.getRooms(caller, list)
          : await store.messages.getMessageHistory(caller, history);
      if (items.length !== page.limit) throw new Error(`${what}: ${items.length} items`);
    },
  };
}
