import { inTurn, openChatStore } from '../chat-store.ts';
import { type Environment, pairRooms } from '../environment.ts';
import { openBareStore, saveBare } from '../floors/grouped-insert.ts';
import { closedLoop } from '../load.ts';
import { type Figure, median } from '../report.ts';
import type { Scenario } from './scenario.ts';

/**
 * Storing messages through the rules of the chat (no network, no events), against the bare grouped insert.
 * Callers run in this process: the database has the other core.
 */
export const store: Scenario = {
  name: 'store',
  async run(environment) {
    const figures: Figure[] = [];
    for (const { label, rooms } of PLACES) {
      const here = await openChat(environment, rooms);
      const bare = await openBare(environment, rooms);
      try {
        for (const callers of [1, 16, 64]) {
          const values: number[] = [];
          const floors: number[] = [];
          for (let round = 0; round < environment.rounds; round += 1) {
            floors.push(await measure(environment, callers, bare.save));
            values.push(await measure(environment, callers, here.save));
          }
          figures.push({
            name: `stored messages, ${callers} caller${callers === 1 ? '' : 's'}, ${label}`,
            unit: '/s',
            value: median(values),
            floor: median(floors),
            ...(callers === 64 ? { target: { kind: 'ratio', atLeast: 0.5 } } : {}),
          });
        }
      } finally {
        await here.close();
        await bare.close();
      }
    }
    return figures;
  },
};

const PLACES = [
  { label: '200 rooms', rooms: 200 },
  { label: 'one room', rooms: 1 },
];

/** Something that stores a message in the next of its rooms. */
type Store = { readonly save: () => Promise<void>; readonly close: () => Promise<void> };

async function openChat(environment: Environment, count: number): Promise<Store> {
  const rooms = pairRooms(count);
  const chat = await openChatStore(environment, { users: 2 * count, rooms });
  const next = inTurn(rooms);
  return { save: () => chat.send(next()), close: () => chat.close() };
}

async function openBare(environment: Environment, count: number): Promise<Store> {
  const rooms = pairRooms(count);
  const bare = await openBareStore(await environment.database({ users: 2 * count, rooms }));
  const next = inTurn(rooms);
  return { save: () => saveBare(bare, next()), close: () => bare.close() };
}

async function measure(environment: Environment, callers: number, save: Store['save']): Promise<number> {
  const result = await closedLoop({ callers, seconds: environment.seconds }, save);
  if (result.failures > 0) throw new Error(`${result.failures} messages could not be stored`);
  return result.perSecond;
}
