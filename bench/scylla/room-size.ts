import type { Figure } from '../report.ts';
import { type Contender, race } from '../rounds.ts';
import { sending } from './sends.ts';
import { type ScyllaBench, SIZES } from './setup.ts';

/** What a send may cost more in one room than in another. */
const FLAT = 1.2;
/** Of each caller in a round. */
const CALLS = 12;

/** The cost of a send in a small, a middle and a large room; many short rounds, because the difference is what counts. */
export async function measureRoomSizes(bench: ScyllaBench): Promise<Figure[]> {
  const figures: Figure[] = [];
  // One caller alone is done sooner, and meets every pause of the disk or of a collector by himself.
  for (const [callers, often] of [
    [1, 42],
    [16, 18],
  ] as const) {
    const rate = await race(contenders(bench), {
      rounds: bench.environment.quick ? often : 3 * often,
      callers,
      calls: CALLS * callers,
      seconds: 60,
      warmUpMs: 0,
      by: 'p50',
    });
    for (const store of ['postgres', 'scylla'] as const) {
      const label = store === 'postgres' ? 'Postgres' : 'Scylla';
      const name = (rooms: string): string =>
        `send p50, ${callers} caller${callers === 1 ? '' : 's'}, ${rooms}, ${label}`;
      const costs = SIZES.map((size) => rate[`${store} ${size}`] ?? Number.NaN);
      figures.push(
        ...costs.map((value, n) => ({
          name: name(`room of ${SIZES[n]?.toLocaleString('en')} members`),
          unit: 'ms',
          value,
        })),
        {
          name: name('dearest room to cheapest'),
          unit: '×',
          value: Math.max(...costs) / Math.min(...costs),
          target: { kind: 'value', atMost: FLAT },
        },
      );
    }
  }
  return figures;
}

function contenders({ postgres, scylla, rooms }: ScyllaBench): Record<string, Contender> {
  return Object.fromEntries(
    rooms.sizes.flatMap((room, n) => [
      [`postgres ${SIZES[n]}`, sending(postgres, [room])],
      [`scylla ${SIZES[n]}`, sending(scylla, [room])],
    ]),
  );
}
