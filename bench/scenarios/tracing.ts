import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Environment, pairRooms, placesOf } from '../environment.ts';
import type { LoadResult } from '../load.ts';
import type { Place } from '../load-protocol.ts';
import { runLoad } from '../processes.ts';
import { type Figure, median } from '../report.ts';
import type { Scenario } from './scenario.ts';

/**
 * What traces cost SendMessage: no receiver, one call of a hundred, every call. The receiver takes everything and keeps nothing.
 * The processor time of the service, publishing included, tells more than calls per second where others use the machine too.
 */
export const tracing: Scenario = {
  name: 'tracing',
  async run(environment) {
    const receiver = createServer((request, response) => {
      request.resume().on('end', () => response.end('{}'));
    });
    await once(receiver.listen(0, '127.0.0.1'), 'listening');
    // A listening server has an address with a port.
    const endpoint = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
    const rooms = pairRooms(100);
    const databaseUrl = await environment.database({ users: 200, rooms });
    const places = await placesOf(rooms);
    const results = new Map<string, Result[]>(SHARES.map(({ label }) => [label, []]));
    try {
      for (let round = 0; round < environment.rounds; round += 1) {
        // One at a time: an idle service would read the others' events. And nobody always comes after the same one.
        const first = round % SHARES.length;
        for (const { label, share } of [...SHARES.slice(first), ...SHARES.slice(0, first)]) {
          const settings: Record<string, string> =
            share === undefined
              ? {}
              : { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_TRACES_SAMPLER_ARG: share };
          results.get(label)?.push(await measure(environment, databaseUrl, places, settings));
        }
      }
    } finally {
      receiver.closeAllConnections();
      await once(receiver.close(), 'close');
    }
    return figuresOf(results);
  },
};

const OFF = 'traces off';
const SHARES: readonly { readonly label: string; readonly share?: string }[] = [
  { label: OFF },
  { label: '1 % of the traces kept', share: '0.01' },
  { label: 'all traces kept', share: '1' },
];
const CALLERS = 64;

type Result = Pick<LoadResult, 'perSecond' | 'p50'> & {
  /** Microseconds of the service's processor time for each message. */
  readonly cpu: number;
};

async function measure(
  environment: Environment,
  databaseUrl: string,
  places: readonly Place[],
  settings: Readonly<Record<string, string>>,
): Promise<Result> {
  const { seconds } = environment;
  const chat = await environment.chat(databaseUrl, settings);
  try {
    const before = await scrape(chat.port);
    const job = { kind: 'send', protocol: 'h2', callers: CALLERS, port: chat.port, places, seconds } as const;
    const { result } = await runLoad('load', job);
    if (result.failures > 0) throw new Error(`${result.failures} calls of SendMessage failed`);
    const after = await scrape(chat.port);
    const cpu = ((after.cpuSeconds - before.cpuSeconds) / (after.sent - before.sent)) * 1e6;
    return { ...result, cpu };
  } finally {
    await chat.stop();
  }
}

/** Processor time and stored messages since the start of the service. */
async function scrape(port: number): Promise<{ readonly cpuSeconds: number; readonly sent: number }> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const sum = (name: string): number =>
    [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))].reduce(
      (total, [, value]) => total + Number(value),
      0,
    );
  return { cpuSeconds: sum('process_cpu_seconds_total'), sent: sum('chat_messages_sent_total') };
}

/** The floor of each figure is what the same run measured without traces. */
function figuresOf(results: ReadonlyMap<string, readonly Result[]>): Figure[] {
  const of = (label: string, key: keyof Result): number =>
    median((results.get(label) ?? []).map((result) => result[key]));
  return SHARES.flatMap(({ label }) => {
    const name = `SendMessage, ${CALLERS} callers, ${label}`;
    const floor = (key: keyof Result): { floor?: number } => (label === OFF ? {} : { floor: of(OFF, key) });
    return [
      { name, unit: '/s', value: of(label, 'perSecond'), ...floor('perSecond') },
      { name: `${name}, p50`, unit: 'ms', value: of(label, 'p50'), ...floor('p50') },
      { name: `${name}, processor time each`, unit: 'µs', value: of(label, 'cpu'), ...floor('cpu') },
    ];
  });
}
