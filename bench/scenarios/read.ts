import { randomUUID } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  GetMessageHistoryRequestSchema,
  GetRoomsRequestSchema,
} from '../../src/gen/services/chat/v1/types_pb.ts';
import { unaryClient } from '../clients.ts';
import { identityOf, placesOf } from '../environment.ts';
import type { LoadResult } from '../load.ts';
import { type CallJob, METHODS } from '../load-protocol.ts';
import { runLoad, startFloorServer } from '../processes.ts';
import { type Figure, median } from '../report.ts';
import type { Scenario } from './scenario.ts';

/** GetRooms and GetMessageHistory, against connect-node answering with the same message from memory. */
export const read: Scenario = {
  name: 'read',
  async run(environment) {
    const rooms = Array.from({ length: 50 }, (_, n) => ({ id: randomUUID(), members: [1, 2, n + 3] }));
    const chat = await environment.chat(await environment.database({ users: 52, rooms }));
    const floor = await startFloorServer();
    const identity = await identityOf(2);
    const figures: Figure[] = [];
    try {
      await runLoad('load', {
        kind: 'send',
        ...{ protocol: 'h2', port: chat.port, callers: 16, seconds: 60, calls: 60 * rooms.length },
        places: await placesOf(rooms),
      });
      const requests = {
        rooms: toBinary(GetRoomsRequestSchema, create(GetRoomsRequestSchema, { page: 1, limit: 50 })),
        history: toBinary(
          GetMessageHistoryRequestSchema,
          create(GetMessageHistoryRequestSchema, { id: rooms[0]?.id ?? '', page: 1, limit: 50 }),
        ),
      };
      const client = unaryClient('h2', `http://127.0.0.1:${chat.port}`);
      const answers = {
        rooms: await client.call(METHODS.rooms, identity, requests.rooms),
        history: await client.call(METHODS.history, identity, requests.history),
      };
      client.close();
      floor.ask({
        kind: 'answers',
        rooms: answers.rooms.toString('base64'),
        history: answers.history.toString('base64'),
      });
      for (const { key, label } of READS) {
        const job = { method: METHODS[key], identity, body: Buffer.from(requests[key]).toString('base64') };
        const here: LoadResult[] = [];
        const bare: LoadResult[] = [];
        for (let round = 0; round < environment.rounds; round += 1) {
          bare.push(await measure({ ...job, port: floor.http2, seconds: environment.seconds }));
          here.push(await measure({ ...job, port: chat.port, seconds: environment.seconds }));
        }
        figures.push({
          name: `${label}, 16 callers`,
          unit: '/s',
          value: median(here.map(({ perSecond }) => perSecond)),
          floor: median(bare.map(({ perSecond }) => perSecond)),
        });
      }
    } finally {
      await floor.stop();
      await chat.stop();
    }
    return figures;
  },
};

const READS = [
  { key: 'rooms', label: 'GetRooms, 50 rooms' },
  { key: 'history', label: 'GetMessageHistory, 50 messages' },
] as const;

async function measure(job: Omit<CallJob, 'kind' | 'protocol' | 'callers'>): Promise<LoadResult> {
  const { result } = await runLoad('load', { kind: 'call', protocol: 'h2', callers: 16, ...job });
  if (result.failures > 0) throw new Error(`${result.failures} calls of ${job.method} failed`);
  return result;
}
