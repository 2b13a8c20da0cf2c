import { Code } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { chatClient, usersClient } from '../support/app.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type NatsServer, startNats } from '../support/nats-server.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { type PrometheusServer, startPrometheus } from '../support/prometheus-server.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { ResumingClient, Sender } from '../support/resuming-client.ts';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts';
import { alertExpressions } from '../support/shipped-rules.ts';

const ROOMS = 4;
const STREAMS_PER_ROOM = 50;
/** Each sender's pause between two sends. */
const SEND_EVERY_MS = 100;
/** Clients give a stream up that says nothing for three heartbeats. */
const HEARTBEAT_MS = 1_000;
const SILENCE_MS = 3 * HEARTBEAT_MS;
const MORE_SENDS = 20;
const ALERT = { timeout: 60_000, interval: 500 };

const canStart = inject('canStart');
const hasAll = canStart.postgres && canStart.nats && canStart.redis && canStart.promtool;

/**
 * Two instances, 200 streams and a steady load, while one part after the other is killed or stands still. What is counted is what
 * the receiving clients hold at the end.
 */
describe.skipIf(!hasAll)('fault drills', () => {
  let postgres: PostgresServer;
  let database: TestDatabase;
  let nats: NatsServer;
  let redis: RedisServer;
  let instances: readonly [ServiceProcess, ServiceProcess];
  let prometheus: PrometheusServer;
  const roomIds: string[] = [];
  const readers: { readonly client: ResumingClient; readonly roomId: string }[] = [];
  const senders: Sender[] = [];

  beforeAll(async () => {
    [postgres, nats, redis] = await Promise.all([
      startPostgres({ durable: true }),
      startNats(),
      startRedis(),
    ]);
    database = await createTestDatabase(postgres.url);
    const env = {
      DATABASE_URL: database.url,
      NATS_URL: nats.url,
      REDIS_URL: redis.url,
      STREAM_HEARTBEAT_MS: String(HEARTBEAT_MS),
      // So high that nobody is refused, but every send asks Redis.
      RATE_LIMIT_USER_PER_MINUTE: '100000',
      RATE_LIMIT_ROOM_PER_MINUTE: '100000',
      RATE_LIMIT_STREAMS_PER_MINUTE: '0',
    };
    instances = [await startServiceProcess(env), await startServiceProcess(env)];
    prometheus = await startPrometheus(instances.map(({ url }) => url));
    await makeRooms();
  });

  it('begins with streams that all get what is sent', async () => {
    await openStreams();
    await startSenders();
    await sendMore();
    await expectNothingLost();
  });

  afterAll(async () => {
    await Promise.all([
      ...senders.map((sender) => sender.stop()),
      ...readers.map(({ client }) => client.close()),
    ]);
    for (const instance of instances ?? []) await instance.kill();
    await Promise.all([prometheus?.stop(), redis?.stop(), nats?.stop()]);
    await database?.db.close();
    await postgres?.stop();
  });

  /** Room `r` belongs to user `r`; each of its other members has one stream. */
  async function makeRooms(): Promise<void> {
    const { url } = instances[0];
    const ids = Array.from({ length: ROOMS * (1 + STREAMS_PER_ROOM) }, (_, index) => index + 1);
    await (await usersClient(url)).upsertUsers({ users: ids.map((id) => ({ id, name: `User ${id}` })) });
    for (let room = 0; room < ROOMS; room += 1) {
      const owner = await chatClient(url, { as: room + 1 });
      const { room: made } = await owner.createRoom({
        type: 'group',
        name: `Drill ${room}`,
        participants: membersOf(room),
      });
      roomIds.push(made?.id ?? '');
    }
  }

  function membersOf(room: number): number[] {
    return Array.from(
      { length: STREAMS_PER_ROOM },
      (_, index) => ROOMS + room * STREAMS_PER_ROOM + index + 1,
    );
  }

  async function openStreams(): Promise<void> {
    for (const [room, roomId] of roomIds.entries()) {
      for (const userId of membersOf(room)) {
        let turn = userId;
        const client = new ResumingClient(
          async () => {
            turn += 1;
            return await chatClient(urlOf(turn), { as: userId, clientId: 'drill' });
          },
          { silenceMs: SILENCE_MS },
        );
        readers.push({ client, roomId });
      }
    }
    await Promise.all(readers.map(({ client }) => client.untilConnected()));
  }

  /** One for each room, two on each instance; after a failure they go to the other one. */
  async function startSenders(): Promise<void> {
    for (const [room, roomId] of roomIds.entries()) {
      const clients = await Promise.all(
        instances.map(({ url }) => chatClient(url, { as: room + 1, clientId: 'sender' })),
      );
      const sender: Sender = new Sender(
        () => clients[(room + (senders[room]?.failures.length ?? 0)) % clients.length] ?? raise(),
        roomId,
        `drill-${room}`,
        { everyMs: SEND_EVERY_MS },
      );
      senders.push(sender);
    }
  }

  function urlOf(turn: number): string {
    return instances[turn % 2 === 0 ? 0 : 1].url;
  }

  async function sendMore(): Promise<void> {
    await Promise.all(senders.map((sender) => sender.until(sender.acknowledged + MORE_SENDS)));
  }

  async function isTrue(alert: string): Promise<boolean> {
    const counts = await Promise.all(alertExpressions(alert).map((expr) => prometheus.count(expr)));
    return counts.some((count) => count > 0);
  }

  /** Everybody has everything that was sent so far: once, in order, without a resync. */
  async function expectNothingLost(): Promise<void> {
    const sent = senders.map(({ acknowledged }) => acknowledged);
    await Promise.all(
      readers.map(({ client, roomId }) => client.expectAll(roomId, 1, sent[roomIds.indexOf(roomId)] ?? 0)),
    );
    expect(readers.flatMap(({ client }) => client.resyncs)).toEqual([]);
  }

  const faults: readonly Fault[] = [
    {
      name: 'Postgres is killed',
      begin: () => postgres.kill(),
      end: () => postgres.restart(),
      sendsFail: true,
      alerts: ['DependencyDown', 'InstanceNotReady', 'NoInstanceReady', 'SendFailures'],
    },
    {
      name: 'Postgres stands still',
      begin: () => postgres.pause(),
      end: () => postgres.resume(),
      sendsFail: true,
      alerts: ['DependencyDown', 'OutboxUnknown'],
    },
    {
      name: 'NATS is killed',
      begin: () => nats.kill(),
      end: () => nats.restart(),
      alerts: ['DependencyDown', 'OutboxStuck'],
    },
    {
      name: 'NATS stands still',
      begin: () => nats.pause(),
      end: () => nats.resume(),
      alerts: ['DependencyDown', 'LateDeliveries'],
    },
    {
      name: 'Redis is killed',
      begin: () => redis.kill(),
      end: () => redis.restart(),
      alerts: ['DependencyDown', 'BreakerOpen'],
    },
    {
      name: 'Redis stands still',
      begin: () => redis.pause(),
      end: () => redis.resume(),
      alerts: ['DependencyDown', 'BreakerOpen'],
    },
    {
      name: 'the first instance is killed',
      begin: () => instances[0].kill(),
      end: () => instances[0].start(),
      instance: 0,
      alerts: ['DatabaseConnectionFailure'],
    },
    {
      name: 'the second instance stands still',
      begin: () => instances[1].pause(),
      end: () => instances[1].resume(),
      instance: 1,
      alerts: ['DatabaseConnectionFailure'],
    },
  ];

  it.each(faults)('$name: nothing is lost, repeated or reordered', async (fault) => {
    await sendMore();
    const failures = senders.map((sender) => sender.failures.length);
    await fault.begin();
    for (const alert of fault.alerts)
      await expect.poll(() => isTrue(alert), { ...ALERT, message: alert }).toBe(true);
    // Whoever is left goes on meanwhile.
    if (fault.sendsFail !== true) await sendMore();
    // The other instance delivers to all of them, also when the one that is away was the one that published.
    if (fault.instance !== undefined) await expectNothingLost();
    await fault.end();
    await sendMore();
    await expectNothingLost();
    for (const [index, sender] of senders.entries()) {
      const failed = sender.failures.slice(failures[index]);
      const mayFail =
        fault.sendsFail === true ||
        (fault.instance !== undefined && failed.length > 0 && wasOn(fault, index, failures));
      if (!mayFail) expect(failed.map((code) => Code[code])).toEqual([]);
    }
  });

  /** Whether the sender was on the instance that went away. */
  function wasOn({ instance }: Fault, index: number, failures: readonly number[]): boolean {
    return (index + (failures[index] ?? 0)) % 2 === instance;
  }

  it('a rolling restart: nothing is lost or repeated, and no client hears nothing for long', async () => {
    await sendMore();
    for (const { client } of readers) client.longestSilenceMs = 0;
    for (const instance of instances) {
      expect(await instance.terminate()).toBe(0);
      await instance.start();
      await sendMore();
    }
    await expectNothingLost();
    const silences = readers
      .map(({ client }) => client.longestSilenceMs)
      .toSorted((one, other) => one - other);
    console.log(
      `longest silence of a client: median ${silences[100]?.toFixed(0)} ms, worst ${silences.at(-1)?.toFixed(0)} ms`,
    );
    expect(silences.at(-1)).toBeLessThanOrEqual(2_000);
  });
});

interface Fault {
  readonly name: string;
  readonly begin: () => void | Promise<void>;
  readonly end: () => void | Promise<void>;
  /** Nothing can be stored without it. */
  readonly sendsFail?: boolean;
  /** The instance that is away; senders go to the other one. */
  readonly instance?: number;
  /** Become true, on real scrapes. */
  readonly alerts: readonly string[];
}

function raise(): never {
  throw new Error('there is no such instance');
}
