import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest';
import {
  type Broker,
  type BrokerState,
  HistoryLostError,
  type StoredMessage,
} from '../../src/events/broker.ts';
import { createDispatcher, type Dispatcher } from '../../src/events/dispatcher.ts';
import { createJetStreamBroker } from '../../src/events/jetstream-broker.ts';
import { roomSubject, STREAM_NAME } from '../../src/events/subjects.ts';
import {
  brokerMessage,
  brokerMessages,
  freshSubject,
  history,
  publishAll,
  roomEvents,
} from '../contract/broker.ts';
import { MemoryOutbox, outboxEvent } from '../support/memory-outbox.ts';
import { type NatsServer, startNats } from '../support/nats-server.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const logger = pino({ level: 'silent' });
const SOON = { timeout: 30_000, interval: 10 };

/** What a follower was told. */
class Followed {
  readonly messages: StoredMessage[] = [];
  readonly resets: BrokerState[] = [];

  async follow(broker: Broker): Promise<this> {
    await broker.follow({
      messages: (batch) => this.messages.push(...batch),
      reset: (state) => this.resets.push(state),
    });
    return this;
  }

  /** Room events of a subject in the order of arrival. */
  of(subject: string): (number | undefined)[] {
    return roomEvents(this.messages.filter((message) => message.subject === subject));
  }
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

describe.skipIf(!inject('canStart').nats)('faults of the broker', () => {
  let server: NatsServer;
  const brokers: Broker[] = [];
  const dispatchers: Dispatcher[] = [];
  beforeEach(async () => {
    server = await startNats();
  });
  afterEach(async () => {
    await Promise.all(dispatchers.splice(0).map((dispatcher) => dispatcher.stop(AbortSignal.timeout(100))));
    await Promise.all(brokers.splice(0).map((broker) => broker.stop(AbortSignal.timeout(1_000))));
    await server.stop();
  });

  async function startBroker(url = server.url): Promise<Broker> {
    const broker = createJetStreamBroker({ servers: [url], logger });
    brokers.push(broker);
    await broker.start();
    return broker;
  }

  async function startDispatcher(outbox: MemoryOutbox, broker: Broker): Promise<Dispatcher> {
    const dispatcher = createDispatcher({
      outbox: outbox.process(),
      broker,
      logger,
      pollMs: 50,
      standbyMs: 50,
    });
    dispatchers.push(dispatcher);
    await dispatcher.start();
    return dispatcher;
  }

  test('a server that is killed under load loses and repeats nothing', async () => {
    const broker = await startBroker();
    const followed = await new Followed().follow(broker);
    const [outbox, rooms] = [new MemoryOutbox(), [1, 2, 3, 4, 5].map(() => randomUUID())];
    await startDispatcher(outbox, broker);
    const process = outbox.process();
    for (const round of numbers(4)) {
      const [from, count] = [(round - 1) * 200, 200];
      for (const index of numbers(count))
        process.commit(...rooms.map((room) => [outboxEvent(room, from + index)]));
      await vi.waitFor(() => expect(followed.messages.length).toBeGreaterThan(from * rooms.length), SOON);
      if (round === 4) break;
      await server.kill();
      await server.restart();
    }
    await vi.waitFor(() => expect(followed.messages.length).toBeGreaterThanOrEqual(800 * rooms.length), SOON);
    await vi.waitFor(() => expect(outbox.size).toBe(0), SOON);
    for (const room of rooms) {
      expect(followed.of(roomSubject(room))).toEqual(numbers(800));
      expect(roomEvents(await history(broker, [roomSubject(room)]))).toEqual(numbers(800));
    }
    expect(followed.resets).toEqual([]);
  });

  test('a lost store is a new history: its first events are not missed', async () => {
    const broker = await startBroker();
    const followed = await new Followed().follow(broker);
    const [before, after] = [freshSubject(), freshSubject()];
    await publishAll(broker, brokerMessages(before, 50));
    await vi.waitFor(() => expect(followed.of(before)).toEqual(numbers(50)), SOON);
    const old = await broker.state();
    const reading = broker.read({ after: old.last, subjects: [before] }, new AbortController().signal);
    const next = reading[Symbol.asyncIterator]().next();
    next.catch(() => undefined);

    await server.kill();
    await server.restart({ wipe: true });
    await publishAll(broker, brokerMessages(after, 100));
    await vi.waitFor(() => expect(followed.resets.length).toBe(1), SOON);
    const [start] = followed.resets;
    await vi.waitFor(async () => {
      const missing = await history(broker, [after]);
      expect(missing.length).toBe(100);
      // What came before the new start is told by the reset; what came after it has arrived.
      const told = missing
        .filter(({ sequence }) => sequence > (start?.last ?? 0))
        .map(({ roomEvent }) => roomEvent);
      expect(followed.of(after)).toEqual(told);
    }, SOON);
    expect(start?.epoch).toBe((await broker.state()).epoch);
    expect(start?.epoch).not.toBe(old.epoch);
    await expect(next).rejects.toThrow(HistoryLostError);
    await publishAll(broker, [brokerMessage(after, 101)]);
    await vi.waitFor(() => expect(followed.of(after).at(-1)).toBe(101), SOON);
  });

  test('a deleted stream is made again', async () => {
    const broker = await startBroker();
    const followed = await new Followed().follow(broker);
    const nc = await connect({ servers: server.url });
    await (await jetstreamManager(nc)).streams.delete(STREAM_NAME);
    await nc.close();
    const subject = freshSubject();
    await vi.waitFor(
      async () => expect(await broker.publish([brokerMessage(subject, 1)], 1_000)).toBe(1),
      SOON,
    );
    await vi.waitFor(() => expect(followed.resets.length).toBe(1), SOON);
    await publishAll(broker, [brokerMessage(subject, 2)]);
    await vi.waitFor(() => expect(followed.of(subject).at(-1)).toBe(2), SOON);
    expect(await broker.health()).toBeUndefined();
  });

  test('a server that is down at the start is waited for in the background', async () => {
    await server.kill();
    const broker = await startBroker();
    expect(await broker.health()).toMatch(/^NATS: /);
    expect(await broker.publish([brokerMessage(freshSubject(), 1)], 1_000)).toBe(0);
    await expect(broker.state()).rejects.toThrow('NATS');
    broker.broadcast('CHAT_WAKE', new Uint8Array());
    const heard = vi.fn();
    broker.onBroadcast('CHAT_TYPING', heard);
    const followed = new Followed();
    const following = followed.follow(broker);
    await server.restart();
    await following;
    const subject = freshSubject();
    await publishAll(broker, brokerMessages(subject, 3));
    await vi.waitFor(() => expect(followed.of(subject)).toEqual(numbers(3)), SOON);
    await vi.waitFor(async () => expect(await broker.health()).toBeUndefined(), SOON);
    broker.broadcast('CHAT_TYPING', new Uint8Array());
    await vi.waitFor(() => expect(heard).toHaveBeenCalledOnce(), SOON);
  });

  test('stopping while the server is down ends what waits', async () => {
    await server.kill();
    const broker = await startBroker();
    const following = new Followed().follow(broker);
    const reading = (async () => {
      for await (const _ of broker.read(
        { after: 0, subjects: [freshSubject()] },
        new AbortController().signal,
      ));
    })();
    await broker.stop();
    await expect(following).rejects.toThrow('stopped');
    await reading;
  });

  test('of two dispatchers one goes on when the other is killed under load', async () => {
    const [one, two] = [await startBroker(), await startBroker()];
    const followed = await new Followed().follow(one);
    const [outbox, room] = [new MemoryOutbox(), randomUUID()];
    const subject = roomSubject(room);
    const [first, second] = [await startDispatcher(outbox, one), await startDispatcher(outbox, two)];
    const process = outbox.process();
    const isSwapped = (): boolean => second.stats().active || first.stats().active;
    for (const round of numbers(5)) {
      for (const index of numbers(180)) process.commit([outboxEvent(room, (round - 1) * 180 + index)]);
      await vi.waitFor(() => expect(followed.messages.length).toBeGreaterThan((round - 1) * 180), SOON);
      // As if its connection broke: it learns of it, but what it has just sent is still on its way.
      outbox.revoke();
      await vi.waitFor(() => expect(isSwapped()).toBe(true), SOON);
    }
    await vi.waitFor(() => expect(outbox.size).toBe(0), SOON);
    await vi.waitFor(() => expect(followed.of(subject).length).toBeGreaterThanOrEqual(900), SOON);
    expect(followed.of(subject)).toEqual(numbers(900));
    expect(roomEvents(await history(one, [subject]))).toEqual(numbers(900));
  });

  test('a foreign producer between our messages does not disturb their order', async () => {
    const broker = await startBroker();
    const nc = await connect({ servers: server.url });
    const js = jetstream(nc);
    const [ours, theirs] = [freshSubject(), freshSubject()];
    let busy = true;
    const foreign = (async () => {
      while (busy) await Promise.all(numbers(20).map(() => js.publish(theirs, 'x')));
    })();
    const messages = brokerMessages(ours, 900);
    for (let start = 0; start < messages.length; start += 100) {
      expect(await broker.publish(messages.slice(start, start + 100), 10_000)).toBe(100);
    }
    busy = false;
    await foreign;
    await nc.close();
    expect(roomEvents(await history(broker, [ours]))).toEqual(numbers(900));
    const foreigners = await history(broker, [theirs]);
    expect(foreigners.length).toBeGreaterThan(0);
    expect(new Set(roomEvents(foreigners))).toEqual(new Set([undefined]));
  });

  test('nothing is stored behind a message that the server refuses', async () => {
    const broker = await startBroker();
    const nc = await connect({ servers: server.url });
    const jsm = await jetstreamManager(nc);
    await jsm.streams.update(STREAM_NAME, { max_msg_size: 500 });
    const subject = freshSubject();
    const messages = brokerMessages(subject, 5);
    const huge = { ...brokerMessage(subject, 3), data: new Uint8Array(1_000) };
    expect(await broker.publish(messages.with(2, huge), 5_000)).toBe(2);
    expect(roomEvents(await history(broker, [subject]))).toEqual([1, 2]);
    await jsm.streams.update(STREAM_NAME, { max_msg_size: -1 });
    expect(await broker.publish(messages.with(2, huge), 5_000)).toBe(5);
    expect(roomEvents(await history(broker, [subject]))).toEqual(numbers(5));
    await nc.close();
  });

  test('what was discarded while the network was away is noticed', async () => {
    const proxy = await startTcpProxy(server.url);
    const [near, far] = [await startBroker(), await startBroker(proxy.url)];
    const followed = await new Followed().follow(far);
    const [quiet, busy] = [freshSubject(), freshSubject()];
    await publishAll(near, brokerMessages(quiet, 5));
    await vi.waitFor(() => expect(followed.of(quiet)).toEqual(numbers(5)), SOON);
    proxy.cut();
    await vi.waitFor(async () => expect(await far.health()).toBeDefined(), SOON);
    await publishAll(near, brokerMessages(busy, 1_200));
    proxy.mend();
    await vi.waitFor(() => expect(followed.resets.length).toBe(1), SOON);
    await vi.waitFor(() => expect(followed.of(busy).at(-1)).toBe(1_200), SOON);
    expect(followed.resets[0]?.epoch).toBe((await near.state()).epoch);
    await proxy.close();
  });

  test('what was said while the network was away, and is still held, arrives', async () => {
    const proxy = await startTcpProxy(server.url);
    const [near, far] = [await startBroker(), await startBroker(proxy.url)];
    const followed = await new Followed().follow(far);
    const subject = freshSubject();
    await publishAll(near, [brokerMessage(subject, 1)]);
    await vi.waitFor(() => expect(followed.of(subject)).toEqual([1]), SOON);
    proxy.cut();
    await vi.waitFor(async () => expect(await far.health()).toBeDefined(), SOON);
    await publishAll(
      near,
      numbers(500).map((number) => brokerMessage(subject, number + 1)),
    );
    proxy.mend();
    await vi.waitFor(() => expect(followed.of(subject)).toEqual(numbers(501)), SOON);
    expect(followed.resets).toEqual([]);
    await proxy.close();
  });

  test('a history that lost its end and was written again is not taken for the same', async () => {
    const proxy = await startTcpProxy(server.url);
    const [near, far] = [await startBroker(), await startBroker(proxy.url)];
    const followed = await new Followed().follow(far);
    const subject = freshSubject();
    const { epoch } = await near.state();
    await publishAll(near, brokerMessages(subject, 4));
    const early = `${server.store}.early`;
    await server.kill();
    cpSync(server.store, early, { recursive: true });
    await server.restart();
    await publishAll(
      near,
      numbers(6).map((number) => brokerMessage(subject, number + 4)),
    );
    await vi.waitFor(() => expect(followed.of(subject)).toEqual(numbers(10)), SOON);
    proxy.cut();
    await vi.waitFor(async () => expect(await far.health()).toBeDefined(), SOON);
    // As after a crash of the machine: what was not on the disk yet is gone, and other events have taken the numbers.
    await server.kill();
    rmSync(server.store, { recursive: true });
    cpSync(early, server.store, { recursive: true });
    rmSync(early, { recursive: true });
    await server.restart();
    await publishAll(
      near,
      numbers(8).map((number) => brokerMessage(subject, number + 4)),
    );
    expect(await near.state()).toEqual(expect.objectContaining({ epoch, last: 12 }));
    proxy.mend();
    await vi.waitFor(() => expect(followed.resets.length).toBe(1), SOON);
    await publishAll(near, [brokerMessage(subject, 13)]);
    await vi.waitFor(() => expect(followed.of(subject).at(-1)).toBe(13), SOON);
    await proxy.close();
  });

  test('reading goes on after the server was killed', async () => {
    const broker = await startBroker();
    const subjects = numbers(5).map(freshSubject);
    await publishAll(
      broker,
      subjects.flatMap((subject) => brokerMessages(subject, 600)),
    );
    const { last } = await broker.state();
    const found: StoredMessage[] = [];
    let killed = false;
    for await (const batch of broker.read({ after: 0, until: last, subjects }, AbortSignal.timeout(60_000))) {
      found.push(...batch);
      if (killed) continue;
      killed = true;
      await server.kill();
      await server.restart();
    }
    expect(found.map(({ sequence }) => sequence)).toEqual(numbers(3_000));
  });

  test('knows that the oldest events are gone', async () => {
    const broker = await startBroker();
    const [one, two] = [freshSubject(), freshSubject()];
    expect(await broker.state()).toEqual(expect.objectContaining({ first: 1, last: 0 }));
    expect(await broker.holdsAllAfter(0, [one])).toBe(true);
    await publishAll(broker, [...brokerMessages(one, 10), ...brokerMessages(two, 10)]);
    const nc = await connect({ servers: server.url });
    const jsm = await jetstreamManager(nc);
    await jsm.streams.purge(STREAM_NAME, { seq: 11 });
    expect(await broker.state()).toEqual(expect.objectContaining({ first: 11, last: 20 }));
    expect(await broker.holdsAllAfter(9, [two])).toBe(false);
    expect(await broker.holdsAllAfter(10, [two])).toBe(true);
    await jsm.streams.purge(STREAM_NAME);
    expect(await broker.state()).toEqual(expect.objectContaining({ first: 21, last: 20 }));
    await nc.close();
  });

  test('an existing stream is brought to the limits of the contract, and the rest of it is left alone', async () => {
    const nc = await connect({ servers: server.url });
    const jsm = await jetstreamManager(nc);
    await jsm.streams.add({ name: STREAM_NAME, subjects: ['CHAT_EVENTS.*'], max_msgs: 5_000_000 });
    await startBroker();
    const { config } = await jsm.streams.info(STREAM_NAME);
    expect(config).toEqual(
      expect.objectContaining({
        subjects: ['CHAT_EVENTS.*', 'CHAT_DIRECT_EVENTS.*'],
        storage: 'file',
        retention: 'limits',
        max_msgs_per_subject: 1000,
        max_age: 604_800_000_000_000,
        compression: 's2',
        max_msgs: 5_000_000,
      }),
    );
    await nc.close();
  });

  test('an old server is named, and nothing is sent to it', async () => {
    const sent: string[] = [];
    const old = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.write('INFO {"server_id":"x","version":"2.9.10","headers":true,"max_payload":1048576}\r\n');
      socket.on('data', (data) => {
        sent.push(String(data));
        if (String(data).includes('PING')) socket.write('PONG\r\n');
      });
    });
    old.listen(0, '127.0.0.1');
    await once(old, 'listening');
    const address = old.address();
    const broker = await startBroker(`nats://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`);
    expect(await broker.health()).toBe('NATS: server 2.9.10 is too old, 2.10 or newer is needed');
    expect(await broker.publish([brokerMessage(freshSubject(), 1)], 1_000)).toBe(0);
    expect(sent.join('')).not.toMatch(/PUB/);
    await broker.stop();
    old.close();
  });
});
