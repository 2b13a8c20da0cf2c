import { randomUUID } from 'node:crypto';
import type { Identity } from '../clients.ts';
import { type Environment, identityOf, placesOf } from '../environment.ts';
import { STREAM_PATH } from '../floors/floor-protocol.ts';
import { METHODS, type Place } from '../load-protocol.ts';
import { type FloorServer, type Load, runLoad, startFloorServer, startLoad } from '../processes.ts';
import { type Figure, median } from '../report.ts';
import type { Scenario } from './scenario.ts';

/** Messages of one room delivered to many streams, against writing the same bytes to as many bare streams. */
export const fanOut: Scenario = {
  name: 'fan-out',
  async run(environment) {
    const figures: Figure[] = [];
    for (const { streams, messages } of SIZES) {
      figures.push(await measure(environment, streams, environment.quick ? messages / 4 : messages));
    }
    return figures;
  },
};

const SIZES = [
  { streams: 100, messages: 2000 },
  { streams: 1000, messages: 400 },
];

async function measure(environment: Environment, streams: number, messages: number): Promise<Figure> {
  // User 1 sends, everybody else listens.
  const room = { id: randomUUID(), members: Array.from({ length: streams + 1 }, (_, index) => index + 1) };
  const chat = await environment.chat(await environment.database({ users: streams + 1, rooms: [room] }));
  const floor = await startFloorServer();
  const identities = await Promise.all(room.members.slice(1).map(identityOf));
  const places = await placesOf([room]);
  const here: number[] = [];
  const bare: number[] = [];
  try {
    for (let round = 0; round < environment.rounds; round += 1) {
      const job = { identities, messages };
      const delivered = await deliver({ ...job, port: chat.port, path: METHODS.stream }, () =>
        sendAll(chat.port, places, messages),
      );
      here.push(delivered.perSecond);
      const written = await deliver({ ...job, port: floor.http2, path: STREAM_PATH }, () =>
        writeAll(floor, delivered.sample, messages),
      );
      bare.push(written.perSecond);
    }
  } finally {
    await floor.stop();
    await chat.stop();
  }
  return {
    name: `deliveries to ${streams} streams of one room, h2`,
    unit: '/s',
    value: median(here),
    floor: median(bare),
    target: { kind: 'ratio', atLeast: 0.4 },
  };
}

/** Opens the streams, has the messages sent, and waits until every stream got every message. */
async function deliver(
  options: {
    readonly port: number;
    readonly path: string;
    readonly identities: readonly Identity[];
    readonly messages: number;
  },
  sendMessages: () => Promise<void>,
): Promise<{ readonly perSecond: number; readonly sample: string }> {
  const { port, path, identities, messages } = options;
  const deliveries = identities.length * messages;
  const load: Load = startLoad({ kind: 'streams', protocol: 'h2', port, path, identities, deliveries });
  try {
    await load.next('open');
    const [{ milliseconds, sample }] = await Promise.all([load.next('delivered'), sendMessages()]);
    return { perSecond: (deliveries / milliseconds) * 1000, sample };
  } finally {
    await load.stop();
  }
}

async function sendAll(port: number, places: readonly Place[], calls: number): Promise<void> {
  const { result } = await runLoad('load', {
    kind: 'send',
    ...{ protocol: 'h2', port, places, callers: 32, seconds: 60, calls },
  });
  if (result.failures > 0) throw new Error(`${result.failures} calls of SendMessage failed`);
}

async function writeAll(floor: FloorServer, envelope: string, times: number): Promise<void> {
  floor.ask({ kind: 'broadcast', envelope, times });
}
