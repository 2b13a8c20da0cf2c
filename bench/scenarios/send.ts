import { pairRooms, placesOf } from '../environment.ts';
import type { LoadResult } from '../load.ts';
import type { Place } from '../load-protocol.ts';
import { runLoad, startFloorServer } from '../processes.ts';
import { type Figure, median } from '../report.ts';
import type { Scenario } from './scenario.ts';

/** SendMessage over the network, against connect-node answering at once. Postgres and JetStream are real. */
export const send: Scenario = {
  name: 'send',
  async run(environment) {
    const rooms = pairRooms(100);
    const chat = await environment.chat(await environment.database({ users: 200, rooms }));
    const floor = await startFloorServer();
    const places = await placesOf(rooms);
    const figures: Figure[] = [];
    try {
      for (const { label, protocol, callers } of LOADS) {
        const here: LoadResult[] = [];
        const bare: LoadResult[] = [];
        for (let round = 0; round < environment.rounds; round += 1) {
          const job = { protocol, callers, places, seconds: environment.seconds };
          bare.push(await measure({ ...job, port: protocol === 'h2' ? floor.http2 : floor.http1 }));
          here.push(await measure({ ...job, port: chat.port }));
        }
        figures.push(...figuresOf(label, here, bare));
      }
    } finally {
      await floor.stop();
      await chat.stop();
    }
    return figures;
  },
};

const LOADS = [
  { label: 'SendMessage, Connect over h2, 1 caller', protocol: 'h2', callers: 1 },
  { label: 'SendMessage, Connect over h2, 16 callers', protocol: 'h2', callers: 16 },
  { label: 'SendMessage, Connect over h2, 64 callers', protocol: 'h2', callers: 64 },
  { label: 'SendMessage, JSON over HTTP/1.1, 64 callers', protocol: 'h1-json', callers: 64 },
] as const;

async function measure(job: {
  readonly port: number;
  readonly protocol: 'h2' | 'h1-json';
  readonly callers: number;
  readonly seconds: number;
  readonly places: readonly Place[];
}): Promise<LoadResult> {
  const { result } = await runLoad('load', { kind: 'send', ...job });
  if (result.failures > 0) throw new Error(`${result.failures} calls of SendMessage failed`);
  return result;
}

function figuresOf(label: string, here: readonly LoadResult[], bare: readonly LoadResult[]): Figure[] {
  const of = (results: readonly LoadResult[], key: 'perSecond' | 'p50' | 'p99'): number =>
    median(results.map((result) => result[key]));
  return [
    {
      name: label,
      unit: '/s',
      value: of(here, 'perSecond'),
      floor: of(bare, 'perSecond'),
      // One caller waits for the disk; with many, the disk is shared.
      ...(label.includes('64') ? { target: { kind: 'ratio', atLeast: 0.6 } } : {}),
    },
    { name: `${label}, p50`, unit: 'ms', value: of(here, 'p50'), floor: of(bare, 'p50') },
    { name: `${label}, p99`, unit: 'ms', value: of(here, 'p99'), floor: of(bare, 'p99') },
  ];
}
