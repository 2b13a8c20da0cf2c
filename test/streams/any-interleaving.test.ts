import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import pino from 'pino';
import { expect, test } from 'vitest';
import { decodeCursor } from '../../src/streams/cursor.ts';
import { createStreams, type Streams } from '../../src/streams/streams.ts';
import { ChatModel, type ModelEvent } from '../support/chat-model.ts';
import { StreamClient } from '../support/stream-client.ts';
import { WipeableBroker } from '../support/wipeable-broker.ts';

const USERS = [1, 2, 3] as const;
const CLIENTS = ['phone', 'laptop'] as const;
/** Messages that the broker holds: all, or so few that replays often find their beginning gone. */
const PLENTY = 100_000;
const FEW = 60;
const RUNS = 60;
const LONG = { timeout: 120_000 };
const HOUR = 3_600_000;

type Step =
  | { readonly do: 'send' | 'touch' | 'toggle'; readonly room: number; readonly user: number }
  | { readonly do: 'lose'; readonly room: number }
  | { readonly do: 'publish'; readonly count: number }
  | { readonly do: 'repeat'; readonly back: number }
  | {
      readonly do: 'open';
      readonly user: number;
      readonly client: number;
      readonly by: 'cursor' | 'client id';
    }
  | { readonly do: 'close' | 'stall' | 'resume'; readonly user: number; readonly client: number }
  | { readonly do: 'wait'; readonly turns: number }
  | { readonly do: 'wipe' }
  | { readonly do: 'restart' };

const room = fc.nat(1);
const user = fc.nat(USERS.length - 1);
const client = fc.nat(CLIENTS.length - 1);

/** Ordinary life. */
const ordinary = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('send', 'touch', 'toggle'), room, user }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('publish'), count: fc.integer({ min: 1, max: 8 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('repeat'), back: fc.nat(6) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('open'),
      user,
      client,
      by: fc.constantFrom('cursor', 'client id'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('close', 'stall', 'resume'), user, client }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('wait'), turns: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart') }) },
);
/** What is not in the memory of the instance comes from the broker. */
const recentEvents = fc.constantFrom(0, 3, 4_096);

/** What makes a resync unavoidable: the history is lost, or an event never reached it. */
const wipe = fc.record({ do: fc.constant('wipe') });
const lose = fc.record({ do: fc.constant('lose'), room });

function life(disaster?: fc.Arbitrary<Step>): fc.Arbitrary<Step[]> {
  const step: fc.Arbitrary<Step> =
    disaster === undefined
      ? ordinary
      : fc.oneof({ weight: 12, arbitrary: ordinary }, { weight: 1, arbitrary: disaster });
  return fc.array(step, { maxLength: 80, size: 'max' });
}

for (const consumers of ['shared', 'per-client'] as const) {
  test(`${consumers}: each member gets exactly what it may see, once, in order`, LONG, async () => {
    await fc.assert(
      fc.asyncProperty(life(), recentEvents, async (steps, recent) => {
        const world = new World(consumers, PLENTY, recent);
        await world.live(steps);
        for (const person of world.people) expect(person.resyncs).toBe(0);
      }),
      { numRuns: RUNS },
    );
  });

  test(
    `${consumers}: when history is short or lost, everything else, or the news that it is`,
    LONG,
    async () => {
      await fc.assert(
        fc.asyncProperty(life(wipe), recentEvents, async (steps, recent) =>
          new World(consumers, FEW, recent).live(steps),
        ),
        { numRuns: RUNS },
      );
    },
  );

  test(`${consumers}: when an event is missing, everything else, and the news of it`, LONG, async () => {
    await fc.assert(
      fc.asyncProperty(life(lose), recentEvents, async (steps, recent) =>
        new World(consumers, PLENTY, recent).live(steps),
      ),
      { numRuns: RUNS },
    );
  });
}

/** One (user, client id) over all its streams. */
class Person {
  readonly userId: number;
  readonly clientId: string;
  readonly #streams: StreamClient[] = [];
  /** Streams that one followed that was opened by client id alone. */
  readonly #handedOver = new Set<StreamClient>();

  constructor(userId: number, clientId: string) {
    this.userId = userId;
    this.clientId = clientId;
  }

  get current(): StreamClient | undefined {
    return this.#streams.at(-1);
  }

  get isOpen(): boolean {
    return this.current !== undefined && this.current.ended === undefined;
  }

  get cursor(): string {
    return this.#streams.findLast(({ cursor }) => cursor !== '')?.cursor ?? '';
  }

  get resyncs(): number {
    return this.#events().filter(({ event }) => event.case === 'resyncRequired').length;
  }

  /** By cursor a client comes back with all that it has read; by client id it may still be open. */
  async open(streams: Streams, by: 'cursor' | 'client id'): Promise<void> {
    const { userId, clientId, current } = this;
    if (by === 'cursor') await current?.close();
    else for (const stream of this.#streams) this.#handedOver.add(stream);
    const request = { userId, clientId, expiresAt: Date.now() + HOUR, platform: 'web' };
    const { cursor } = this;
    const resumes = by === 'cursor' && cursor !== '';
    this.#streams.push(new StreamClient(streams, resumes ? { ...request, cursor } : request));
  }

  /** The position before which it knows everything without having been told: where it began, or its newest resync. */
  get knows(): { readonly epoch: string; readonly sequence: number } | undefined {
    const events = this.#events();
    const origin =
      events.findLast(({ event }) => event.case === 'resyncRequired') ??
      events.find(({ cursor }) => cursor !== '');
    return origin === undefined ? undefined : decodeCursor(origin.cursor);
  }

  /** Ids since the newest resync. */
  get ids(): string[] {
    const events = this.#events();
    const since = events.findLastIndex(({ event }) => event.case === 'resyncRequired');
    return events.slice(since + 1).flatMap(({ eventId }) => (eventId === '' ? [] : [eventId]));
  }

  get story(): string {
    return this.#streams.map(({ story, ended }) => `${story.join(' ')} | ${ended}`).join('\n');
  }

  /** What came, in order; what the server could not know to be written, and repeated therefore, once. */
  #events(): StreamClient['events'] {
    const later = new Set<string>();
    return this.#streams
      .toReversed()
      .flatMap((stream) => {
        const uncertain = this.#handedOver.has(stream) ? (stream.batches.at(-1)?.length ?? 0) : 0;
        const sure = stream.events.length - uncertain;
        const events = stream.events.filter(({ eventId }, index) => index < sure || !later.has(eventId));
        for (const { eventId } of events) if (eventId !== '') later.add(eventId);
        return events.toReversed();
      })
      .toReversed();
  }
}

class World {
  readonly people = USERS.flatMap((userId) => CLIENTS.map((clientId) => new Person(userId, clientId)));
  readonly #consumers: 'shared' | 'per-client';
  readonly #recentEvents: number;
  readonly #broker: WipeableBroker;
  readonly #model: ChatModel;
  readonly #rooms: string[];
  /** Event id → name of the history that it was stored in. */
  readonly #epochs = new Map<string, string>();
  /** Events of the log from before the present streams or the present history. */
  #told = 0;
  #streams: Streams;

  constructor(consumers: 'shared' | 'per-client', held: number, recentEvents: number) {
    this.#recentEvents = recentEvents;
    this.#consumers = consumers;
    this.#broker = new WipeableBroker(held);
    this.#model = new ChatModel(this.#broker);
    this.#model.slowness = 3;
    this.#rooms = [this.#model.room(1, 2, 3), this.#model.room(1)];
    this.#streams = this.#newStreams();
  }

  async live(steps: readonly Step[]): Promise<void> {
    await this.#streams.start();
    try {
      for (const step of steps) await this.#take(step);
      await this.#comeToRest();
      for (const person of this.people) this.#checkSafety(person);
    } finally {
      await this.#streams.stop();
      await this.#broker.stop();
    }
  }

  async #take(step: Step): Promise<void> {
    switch (step.do) {
      case 'send':
        this.#ifMember(step, (roomId, userId) => this.#model.send(roomId, userId));
        return;
      case 'touch':
        this.#ifMember(step, (roomId, userId) => this.#model.touch(roomId, userId));
        return;
      case 'toggle': {
        const { roomId, userId } = this.#named(step);
        // The first user stays, so that there is always somebody to speak.
        if (userId === 1) return;
        if (this.#model.isMember(roomId, userId)) this.#model.leave(roomId, userId);
        else this.#model.join(roomId, userId);
        return;
      }
      case 'lose':
        return await this.#lose(this.#rooms[step.room] ?? '');
      case 'publish':
        return await this.#publish(step.count);
      case 'repeat':
        return await this.#repeat(step.back);
      case 'open':
        return await this.#person(step)?.open(this.#streams, step.by);
      case 'close':
        return await this.#person(step)?.current?.close();
      case 'stall':
        this.#person(step)?.current?.stall();
        return;
      case 'resume':
        this.#person(step)?.current?.resume();
        return;
      case 'wait':
        for (let turns = step.turns; turns > 0; turns -= 1) await turn();
        return;
      case 'wipe':
        this.#told = this.#model.log.length;
        return await this.#broker.wipe();
      case 'restart':
        for (const { current } of this.people) current?.resume();
        await this.#streams.stop();
        this.#told = this.#model.log.length;
        this.#streams = this.#newStreams();
        return await this.#streams.start();
    }
  }

  async #publish(count: number): Promise<void> {
    const before = this.#model.log.filter(({ sequence }) => sequence === undefined);
    const { epoch } = await this.#broker.state();
    await this.#model.publish(count);
    for (const event of before) if (event.sequence !== undefined) this.#epochs.set(event.eventId, epoch);
  }

  /** Only what this instance may know: to one that has heard nothing of a room yet any event is its first. */
  async #repeat(back: number): Promise<void> {
    const stored = this.#model.log
      .slice(this.#told)
      .filter(({ sequence, isLost }) => sequence !== undefined && !isLost);
    const event = stored.at(-1 - back);
    if (event !== undefined) await this.#model.repeat(event);
  }

  /** A hole between two events that are told. */
  async #lose(roomId: string): Promise<void> {
    this.#model.erase(roomId, 1);
    this.#model.lose(roomId, 1);
    this.#model.erase(roomId, 1);
    await this.#publish(Number.POSITIVE_INFINITY);
  }

  /** Everybody reads to the end. */
  async #comeToRest(): Promise<void> {
    await this.#publish(Number.POSITIVE_INFINITY);
    for (const person of this.people) {
      person.current?.resume();
      if (!person.isOpen) await person.open(this.#streams, 'cursor');
    }
    for (const person of this.people) {
      const what = (): string => `${person.userId} ${person.clientId}\n${person.story}`;
      await expect
        .poll(
          async () => {
            if (!person.isOpen) await person.open(this.#streams, 'cursor');
            return this.#missing(person);
          },
          { timeout: 2_000, interval: 2, message: what() },
        )
        .toEqual([]);
    }
  }

  /** What the person has to have been told and was not. */
  #missing(person: Person): string[] {
    const { knows } = person;
    if (knows === undefined) return ['it is not connected'];
    const got = new Set(person.ids);
    return this.#model.log
      .filter((event) => this.#sees(person, event) && this.#isAfter(event, knows) && !got.has(event.eventId))
      .map(({ roomEvent, event, sequence }) => `${event.event.case} ${roomEvent} at ${sequence}`);
  }

  /** In his present membership of the room. */
  #sees({ userId }: Person, event: ModelEvent): boolean {
    const after = this.#model.now(event.roomId, userId);
    if (after === undefined) return false;
    if (event.event.event.case === 'roomJoin') return event.userId === userId && event.roomEvent === after;
    if (event.event.event.case === 'statusUpdate' && event.userId !== userId) return false;
    return event.roomEvent > after;
  }

  #isAfter(event: ModelEvent, knows: { readonly epoch: string; readonly sequence: number }): boolean {
    return this.#epochs.get(event.eventId) === knows.epoch && (event.sequence ?? 0) > knows.sequence;
  }

  #checkSafety(person: Person): void {
    const { ids } = person;
    expect(new Set(ids).size, `repeats: ${person.story}`).toBe(ids.length);
    const last = new Map<string, number>();
    for (const id of ids) {
      const event = this.#model.log.find(({ eventId }) => eventId === id);
      if (event === undefined) throw new Error('an event that never was');
      expect(this.#everSaw(person, event), `${event.event.event.case} ${event.roomEvent}`).toBe(true);
      if (event.event.event.case === 'roomJoin') continue;
      expect(event.roomEvent).toBeGreaterThan(last.get(event.roomId) ?? 0);
      last.set(event.roomId, event.roomEvent);
    }
  }

  /** At the time of the event he was a member; the event that ended it included. */
  #everSaw({ userId }: Person, { roomId, roomEvent, event, userId: actor }: ModelEvent): boolean {
    if (event.event.case === 'roomJoin') return actor === userId;
    if (event.event.case === 'statusUpdate' && actor !== userId) return false;
    return this.#model.memberAt(roomId, userId, roomEvent);
  }

  #ifMember(
    step: { readonly room: number; readonly user: number },
    act: (roomId: string, userId: number) => unknown,
  ): void {
    const { roomId, userId } = this.#named(step);
    if (this.#model.isMember(roomId, userId)) act(roomId, userId);
  }

  #named({ room: index, user: who }: { readonly room: number; readonly user: number }): {
    roomId: string;
    userId: number;
  } {
    return { roomId: this.#rooms[index] ?? '', userId: USERS[who] ?? 1 };
  }

  #person({
    user: who,
    client: which,
  }: {
    readonly user: number;
    readonly client: number;
  }): Person | undefined {
    return this.people[who * CLIENTS.length + which];
  }

  #newStreams(): Streams {
    return createStreams({
      broker: this.#broker,
      directory: this.#model,
      positions: this.#model,
      logger: pino({ level: 'silent' }),
      settings: {
        heartbeatMs: 50,
        bufferEvents: 12,
        bufferBytes: 1024 * 1024,
        maxStreamsPerUser: 0,
        consumers: this.#consumers,
        recentEvents: this.#recentEvents,
      },
    });
  }
}
