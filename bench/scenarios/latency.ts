import { identityOf, pairRooms, placesOf } from '../environment.ts';
import { runLoad } from '../processes.ts';
import { median } from '../report.ts';
import type { Scenario } from './scenario.ts';

const PER_SECOND = 500;

/** From calling SendMessage to the message on another user's stream. */
export const latency: Scenario = {
  name: 'latency',
  async run(environment) {
    const rooms = pairRooms(1);
    const chat = await environment.chat(await environment.database({ users: 2, rooms }));
    const [from] = await placesOf(rooms);
    const reader = await identityOf(2);
    const results: { readonly p50: number; readonly p99: number }[] = [];
    try {
      if (from === undefined) throw new Error('there is no room to send to');
      // The first round warms up.
      for (let round = 0; round <= environment.rounds; round += 1) {
        const seconds = environment.quick ? 2 : 5;
        const result = await runLoad('latency', {
          kind: 'latency',
          ...{ port: chat.port, from, reader, perSecond: PER_SECOND, seconds },
        });
        if (result.missing > 0) throw new Error(`${result.missing} messages did not arrive`);
        if (round > 0) results.push(result);
      }
    } finally {
      await chat.stop();
    }
    const name = `send to delivery, ${PER_SECOND} sends/s`;
    return [
      {
        name: `${name}, p50`,
        unit: 'ms',
        value: median(results.map(({ p50 }) => p50)),
        target: { kind: 'value', atMost: 5 },
      },
      {
        name: `${name}, p99`,
        unit: 'ms',
        value: median(results.map(({ p99 }) => p99)),
        target: { kind: 'value', atMost: 25 },
      },
    ];
  },
};
