import { missingCassandra } from '../cassandra.ts';
import type { Figure } from '../report.ts';
import { measureDecision } from '../scylla/decision.ts';
import { measureReads } from '../scylla/reads.ts';
import { measureRoomSizes } from '../scylla/room-size.ts';
import { measureDualWrites, measureSends } from '../scylla/sends.ts';
import { openScyllaBench } from '../scylla/setup.ts';
import type { Scenario } from './scenario.ts';

/**
 * Rooms in Scylla beside rooms in Postgres, through the rules of the chat (no network, no events).
 * Callers run in this process, which shares two cores or more with both stores.
 */
export const scylla: Scenario = {
  name: 'scylla',
  missing: missingCassandra,
  async run(environment) {
    const bench = await openScyllaBench(environment);
    const figures: Figure[] = [];
    try {
      // Before the sends: rooms and tables grow with each.
      for (const measure of [
        measureReads,
        measureSends,
        measureRoomSizes,
        measureDecision,
        measureDualWrites,
      ])
        figures.push(...(await measure(bench)));
    } finally {
      await bench.close();
    }
    return figures;
  },
};
