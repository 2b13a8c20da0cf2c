import { setTimeout as sleep } from 'node:timers/promises';
import type { Identity, Protocol } from '../clients.ts';
import { identityOf, pairRooms } from '../environment.ts';
import { STREAM_PATH } from '../floors/floor-protocol.ts';
import { METHODS } from '../load-protocol.ts';
import { residentBytes, startFloorServer, startLoad } from '../processes.ts';
import type { Figure } from '../report.ts';
import type { Scenario } from './scenario.ts';

/** Resident memory of the server per open stream, each with a connection of its own and nothing to deliver. */
export const memory: Scenario = {
  name: 'memory',
  async run(environment) {
    const streams = environment.quick ? 500 : 2000;
    const identities = await Promise.all(Array.from({ length: streams }, (_, n) => identityOf(n + 1)));
    const figures: Figure[] = [];
    for (const { label, protocol, atMost } of PROTOCOLS) {
      // A new process for each: what one needed would serve the next.
      const database = await environment.database({ users: streams, rooms: pairRooms(streams / 2) });
      const chat = await environment.chat(database);
      const floor = await startFloorServer();
      try {
        const floorPort = protocol === 'h2' ? floor.http2 : floor.http1;
        figures.push({
          name: `memory per idle stream of ${streams}, ${label}`,
          unit: 'KB',
          value: await perStream({ ...chat, path: METHODS.stream, protocol, identities }),
          floor: await perStream({
            pid: floor.pid,
            port: floorPort,
            path: STREAM_PATH,
            protocol,
            identities,
          }),
          target: { kind: 'value', atMost },
        });
      } finally {
        await floor.stop();
        await chat.stop();
      }
    }
    return figures;
  },
};

const PROTOCOLS = [
  { label: 'HTTP/1.1', protocol: 'h1', atMost: 50 },
  { label: 'h2', protocol: 'h2', atMost: 70 },
] as const;

async function perStream(options: {
  readonly pid: number;
  readonly port: number;
  readonly path: string;
  readonly protocol: Protocol;
  readonly identities: readonly Identity[];
}): Promise<number> {
  const { pid, port, path, protocol, identities } = options;
  // The first streams load code and grow the heap, which later ones use again.
  await warmUp({ ...options, identities: identities.slice(0, 200) });
  const before = residentBytes(pid);
  const load = startLoad({ kind: 'streams', protocol, port, path, identities, deliveries: -1 });
  try {
    await load.next('open');
    await sleep(SETTLE_MS);
    return (residentBytes(pid) - before) / 1024 / identities.length;
  } finally {
    await load.stop();
  }
}

async function warmUp(options: Parameters<typeof perStream>[0]): Promise<void> {
  const { port, path, protocol, identities } = options;
  const load = startLoad({ kind: 'streams', protocol, port, path, identities, deliveries: -1 });
  try {
    await load.next('open');
  } finally {
    await load.stop();
  }
  await sleep(SETTLE_MS);
}

/** Garbage of the opening is collected meanwhile. */
const SETTLE_MS = 3000;
