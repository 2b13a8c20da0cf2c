import { randomInt } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Broker } from '../../src/events/broker.ts';
import { type MessageEvent, MessageEventSchema } from '../../src/gen/services/chat/v1/types_pb.ts';
import { encodeCursor } from '../../src/streams/cursor.ts';
import {
  createStreams,
  type StreamRequest,
  type Streams,
  type StreamsSettings,
} from '../../src/streams/streams.ts';
import { ChatModel } from '../support/chat-model.ts';
import { POLL, StreamClient } from '../support/stream-client.ts';

/** A broker with a history of its own, or one shared with tests that use other users and rooms. */
export interface TestBroker {
  readonly broker: Broker;
  /** Another instance's connection to the same history. */
  another(): Promise<Broker>;
  dispose(): Promise<void>;
}

const logger = pino({ level: 'silent' });
const HOUR = 3_600_000;
const FAST_POLL = { timeout: 20_000, interval: 2 };

/** The promises of the streams (behaviour 2.5 to 2.9, extensions 3 and 4), on any broker and either kind of consumer. */
export function exerciseStreams(
  name: string,
  makeBroker: () => Promise<TestBroker>,
  consumers: StreamsSettings['consumers'],
): void {
  describe(`streams on ${name}, ${consumers}`, () => {
    let source: TestBroker;
    let model: ChatModel;
    let opened: Streams[];
    let clients: StreamClient[];
    /** What each instance's feed has heard so far: the sequence of the newest event. */
    let feeds: { heard: number }[];
    let ann: number;
    let bob: number;
    let eve: number;

    beforeEach(async () => {
      source = await makeBroker();
      model = new ChatModel(source.broker);
      opened = [];
      clients = [];
      feeds = [];
      // Other tests may share the history: users of our own.
      ann = randomInt(1, 2_000_000_000);
      bob = ann + 1;
      eve = ann + 2;
    });

    afterEach(async () => {
      await Promise.all(clients.map((client) => client.close()));
      await Promise.all(opened.map((streams) => streams.stop()));
      await source.dispose();
    });

    async function startStreams(
      settings: Partial<StreamsSettings> = {},
      broker = source.broker,
    ): Promise<Streams> {
      listenIn(broker);
      const streams = createStreams({
        broker,
        directory: model,
        positions: model,
        logger,
        settings: {
          heartbeatMs: HOUR,
          bufferEvents: 1_000,
          bufferBytes: 1024 * 1024,
          maxStreamsPerUser: 10,
          consumers,
          ...settings,
        },
      });
      opened.push(streams);
      await streams.start();
      return streams;
    }

    function open(
      streams: Streams,
      userId: number,
      request: Partial<StreamRequest> = {},
      options: { readonly stalled?: boolean } = {},
    ): StreamClient {
      const full = { userId, clientId: 'phone', expiresAt: Date.now() + HOUR, platform: 'web', ...request };
      const client = new StreamClient(streams, full, options);
      clients.push(client);
      return client;
    }

    /** Notes what the broker hands to the streams that are started next. */
    function listenIn(broker: Broker): void {
      const feed = { heard: 0 };
      feeds.push(feed);
      const follow = broker.follow.bind(broker);
      broker.follow = async (handler) => {
        const state = await follow({
          messages(batch) {
            handler.messages(batch);
            feed.heard = batch.at(-1)?.sequence ?? feed.heard;
          },
          reset(reached) {
            handler.reset(reached);
            feed.heard = reached.last;
          },
        });
        feed.heard = Math.max(feed.heard, state.last);
        broker.follow = follow;
        return state;
      };
    }

    /** Publishes what happened, and waits until every instance has heard of it: what opens then does not hear it live. */
    async function publish(limit?: number): Promise<void> {
      await model.publish(limit);
      const { last } = await source.broker.state();
      await expect.poll(() => Math.min(last, ...feeds.map(({ heard }) => heard)), FAST_POLL).toBe(last);
    }

    async function send(roomId: string, userId: number): Promise<string> {
      const id = model.send(roomId, userId);
      await publish();
      return id;
    }

    describe('delivery', () => {
      test('connected first, then what happens in the rooms of the user, in order, and nothing of other rooms', async () => {
        const streams = await startStreams();
        const room = model.room(ann, bob);
        const other = model.room(ann, eve);
        const client = await open(streams, bob).untilConnected();
        const sent = [];
        for (let count = 0; count < 5; count += 1) {
          model.send(other, ann);
          sent.push(model.send(room, ann));
        }
        await publish();
        await client.untilHas(sent.at(-1) ?? '');
        expect(client.story[0]).toBe('connected');
        expect(client.ids).toEqual(sent);
      });

      test('SENT reaches the sender only, his other devices included', async () => {
        const streams = await startStreams();
        const room = model.room(ann, bob);
        const phone = await open(streams, ann, { clientId: 'phone' }).untilConnected();
        const laptop = await open(streams, ann, { clientId: 'laptop' }).untilConnected();
        const other = await open(streams, bob).untilConnected();
        const id = await send(room, ann);
        for (const client of [phone, laptop, other]) await client.untilHas(id);
        expect(phone.story).toEqual(['connected', 'statusUpdate', 'message']);
        expect(laptop.story).toEqual(['connected', 'statusUpdate', 'message']);
        expect(other.story).toEqual(['connected', 'message']);
      });

      test('each event is encoded with its cursor, as binary and as JSON', async () => {
        const streams = await startStreams();
        const room = model.room(ann, bob);
        const client = await open(streams, bob).untilConnected();
        await client.untilHas(await send(room, ann));
        const delivered = client.batches.flat().at(-1);
        const json: unknown = JSON.parse(Buffer.from(delivered?.json ?? []).toString());
        expect(json).toMatchObject({ roomId: room, cursor: client.cursor, message: { isDeleted: false } });
        expect(Buffer.from(delivered?.binary ?? []).includes(client.cursor)).toBe(true);
        expect(delivered?.binary).toBe(delivered?.binary);
      });

      test('with a room filter only that room; a foreign room as filter means all rooms', async () => {
        const streams = await startStreams();
        const one = model.room(ann, bob);
        const two = model.room(ann, bob);
        const foreign = model.room(eve);
        const filtered = await open(streams, bob, { clientId: 'a', roomId: one }).untilConnected();
        const fallback = await open(streams, bob, { clientId: 'b', roomId: foreign }).untilConnected();
        const joinedLater = model.room(ann);
        const ids = [model.erase(two, ann), model.join(joinedLater, bob), model.erase(joinedLater, ann)];
        ids.push(model.erase(one, ann));
        await publish();
        await filtered.untilHas(ids[3] ?? '');
        await fallback.untilHas(ids[3] ?? '');
        expect(filtered.ids).toEqual([ids[1], ids[3]]);
        expect(fallback.ids).toEqual(ids);
      });

      test('repeats of the publisher are dropped', async () => {
        const streams = await startStreams();
        const room = model.room(ann, bob);
        const client = await open(streams, bob).untilConnected();
        const first = model.erase(room, ann);
        const joining = model.room(ann);
        const joined = model.join(joining, bob);
        await publish();
        for (const event of [...model.log]) await model.repeat(event);
        const last = model.erase(room, ann);
        await publish();
        await client.untilHas(last);
        expect(client.ids).toEqual([first, joined, last]);
      });

      test('a quiet client’s heartbeat moves forward', async () => {
        const streams = await startStreams({ heartbeatMs: 20 });
        const room = model.room(ann, bob);
        const client = await open(streams, bob).untilConnected();
        await client.untilHas(await send(room, ann));
        const { position } = client;
        const after = client.events.length;
        await expect.poll(() => client.events.length, POLL).toBeGreaterThan(after);
        expect(client.story.at(-1)).toBe('connected');
        expect(client.position).toBeGreaterThanOrEqual(position);
      });
    });

    describe('membership', () => {
      test('a join comes with the user’s view of the room, then the room', async () => {
        const streams = await startStreams();
        const room = model.room(ann);
        const client = await open(streams, bob).untilConnected();
        model.send(room, ann);
        const joined = model.join(room, bob);
        const after = model.send(room, ann);
        await publish();
        await client.untilHas(after);
        expect(client.ids).toEqual([joined, after]);
        expect(client.events.find(({ eventId }) => eventId === joined)?.room?.name).toBe(`for ${bob}`);
      });

      test('who leaves hears that he left, and then nothing of the room', async () => {
        const streams = await startStreams();
        const room = model.room(ann, bob);
        const other = model.room(ann, bob);
        const client = await open(streams, bob).untilConnected();
        const before = model.erase(room, ann);
        const left = model.leave(room, bob);
        model.erase(room, ann);
        const last = model.erase(other, ann);
        await publish();
        await client.untilHas(last);
        expect(client.ids).toEqual([before, left, last]);
      });

      test('who leaves and comes back never hears what was said meanwhile, live or by cursor', async () => {
        const streams = await startStreams();
        const room = model.room(ann, bob);
        const live = await open(streams, bob, { clientId: 'live' }).untilConnected();
        const away = await open(streams, bob, { clientId: 'away' }).untilConnected();
        const { cursor } = away;
        await away.close();
        const left = model.leave(room, bob);
        model.erase(room, ann);
        const joined = model.join(room, bob);
        const last = model.erase(room, ann);
        await publish();
        await live.untilHas(last);
        const back = await open(streams, bob, { clientId: 'away', cursor }).untilHas(last);
        expect(live.ids).toEqual([left, joined, last]);
        expect(back.ids).toEqual([joined, last]);
      });

      test('a join that the cursor’s owner has undone since is not told', async () => {
        const streams = await startStreams();
        const room = model.room(ann);
        const stays = model.room(ann, bob);
        const client = await open(streams, bob).untilConnected();
        const { cursor } = client;
        await client.close();
        model.join(room, bob);
        model.erase(room, ann);
        model.leave(room, bob);
        model.erase(room, ann);
        const last = model.erase(stays, ann);
        await publish();
        const back = await open(streams, bob, { cursor }).untilHas(last);
        expect(back.ids).toEqual([last]);
      });

      test('memberships that change while a stream opens are followed', async () => {
        const streams = await startStreams();
        const [lost, won, stays] = [model.room(ann, bob), model.room(ann), model.room(ann, bob)];
        const answer = Promise.withResolvers<void>();
        model.hold = answer.promise;
        const client = open(streams, bob);
        // The memberships are read, but the answer is still on its way.
        await expect.poll(() => model.membershipsAsked, POLL).toBe(1);
        const left = model.leave(lost, bob);
        model.erase(lost, ann);
        const joined = model.join(won, bob);
        const said = model.erase(won, ann);
        await publish();
        const last = model.erase(stays, ann);
        await publish();
        const witness = open(streams, ann);
        await expect.poll(() => model.membershipsAsked, POLL).toBe(2);
        answer.resolve();
        await witness.untilConnected();
        await client.untilHas(last);
        expect(client.ids).toEqual([left, joined, said, last]);
      });

      test.for(['lost', 'won'] as const)(
        'also when the client is slow and more happens in a room that it %s before it has caught up',
        async (change) => {
          const streams = await startStreams();
          const [room, stays] = [
            change === 'lost' ? model.room(ann, bob) : model.room(ann),
            model.room(ann, bob),
          ];
          const client = await open(streams, bob).untilConnected();
          const { cursor } = client;
          await client.close();
          const expected = Array.from({ length: 600 }, () => model.erase(stays, ann));
          await publish();
          const answer = Promise.withResolvers<void>();
          model.hold = answer.promise;
          const asked = model.membershipsAsked;
          const back = open(streams, bob, { cursor }, { stalled: true });
          await expect.poll(() => model.membershipsAsked, POLL).toBe(asked + 1);
          expected.push(change === 'lost' ? model.leave(room, bob) : model.join(room, bob));
          await publish();
          answer.resolve();
          // Somebody who opened later is live: the first one has read its first chunk and waits for its client.
          await open(streams, ann).untilConnected();
          const more = await eraseNow(room);
          if (change === 'won') expected.push(more);
          back.resume();
          await back.untilConnected();
          expected.push(await send(stays, ann));
          await back.untilHas(expected.at(-1) ?? '');
          expect(back.ids).toEqual(expected);
        },
      );

      test('what was said before a join is not told, however late it is published', async () => {
        const streams = await startStreams();
        const room = model.room(ann);
        model.send(room, ann);
        const joined = model.join(room, bob);
        const client = await open(streams, bob).untilConnected();
        await publish();
        const last = await send(room, ann);
        await client.untilHas(last);
        expect(client.ids).toEqual([joined, last]);
      });

      test('a queue full of a lost room is forgotten within a second, the news of the loss is not', async () => {
        const streams = await startStreams();
        const room = model.room(ann, bob);
        const client = await open(streams, bob).untilConnected();
        client.stall();
        const first = model.erase(room, ann);
        for (let count = 0; count < 300; count += 1) model.erase(room, ann);
        await publish();
        // The batch under way is the client's already.
        await expect.poll(() => client.ids.includes(first), POLL).toBe(true);
        for (let count = 0; count < 300; count += 1) model.erase(room, ann);
        const left = model.leave(room, bob);
        await publish();
        const witness = await open(streams, ann).untilConnected();
        const held = client.ids.length;
        const start = Date.now();
        await expect.poll(() => Date.now() - start, { timeout: 2_000 }).toBeGreaterThan(1_000);
        client.resume();
        await client.untilHas(left);
        expect(client.ids.length).toBeLessThanOrEqual(held + 1);
        await witness.close();
      });
    });

    describe('resuming', () => {
      test('by cursor: all that was missed, once, then live', async () => {
        const streams = await startStreams();
        const room = model.room(ann, bob);
        const client = await open(streams, bob).untilConnected();
        await client.untilHas(await send(room, ann));
        const { cursor } = client;
        await client.close();
        const missed = [];
        for (let count = 0; count < 20; count += 1) missed.push(model.send(room, ann));
        await publish();
        const back = await open(streams, bob, { cursor }).untilConnected();
        const live = await send(room, ann);
        await back.untilHas(live);
        expect(back.ids).toEqual([...missed, live]);
        expect(back.story.indexOf('connected')).toBe(20);
      });

      test('by a cursor of before this instance was started', async () => {
        const first = await startStreams();
        const room = model.room(ann, bob);
        const client = await open(first, bob).untilConnected();
        const { cursor } = client;
        await client.close();
        const missed = [];
        for (let count = 0; count < 900; count += 1) missed.push(model.erase(room, ann));
        await publish();
        const second = await startStreams();
        const back = await open(second, bob, { cursor }).untilConnected();
        expect(back.ids).toEqual(missed);
      });

      test('by a cursor with repeats of the publisher right behind it', async () => {
        const first = await startStreams();
        const room = model.room(ann, bob);
        const client = await open(first, bob).untilConnected();
        await client.untilHas(await send(room, ann));
        const { cursor } = client;
        await client.close();
        for (const event of [...model.log]) await model.repeat(event);
        const second = await startStreams();
        const back = open(second, bob, { cursor });
        const last = await send(room, ann);
        await back.untilHas(last);
        expect(back.ids).toEqual([last]);
      });

      test('by client id: from where the server stopped writing', async () => {
        const streams = await startStreams();
        const room = model.room(ann, bob);
        const client = await open(streams, bob).untilConnected();
        await client.untilHas(await send(room, ann));
        await client.close();
        const missed = [await send(room, ann), await send(room, ann)];
        const back = await open(streams, bob).untilHas(missed[1] ?? '');
        expect(back.ids).toEqual(missed);
        // Another device knows nothing of it.
        const fresh = await open(streams, bob, { clientId: 'new' }).untilConnected();
        const last = await send(room, ann);
        await fresh.untilHas(last);
        expect(fresh.ids).toEqual([last]);
      });

      test('by client id: what was handed over and perhaps not written comes again', async () => {
        const streams = await startStreams();
        const room = model.room(ann, bob);
        const client = await open(streams, bob).untilConnected();
        client.stall();
        const id = await send(room, ann);
        await client.untilHas(id);
        await client.close();
        const back = await open(streams, bob).untilConnected();
        expect(back.ids).toEqual([id]);
      });

      test('by client id on another instance', async () => {
        const streams = await startStreams();
        const room = model.room(ann, bob);
        const client = await open(streams, bob).untilConnected();
        await client.untilHas(await send(room, ann));
        await client.close();
        const missed = await send(room, ann);
        await expect.poll(() => model.stored.get(`${bob} phone`)?.sequence, POLL).toBe(client.position);
        const second = await startStreams({}, await source.another());
        const back = await open(second, bob).untilHas(missed);
        expect(back.ids).toEqual([missed]);
      });

      test.for([
        ['nonsense', 'nonsense'],
        ['an empty text', ''],
        ['another history', encodeCursor({ epoch: 'another', sequence: 1 })],
      ] as const)('%s as cursor: resync_required, then connected, then live', async ([, cursor]) => {
        const streams = await startStreams();
        const room = model.room(ann, bob);
        const client = await open(streams, bob, { cursor }).untilConnected();
        await client.untilHas(await send(room, ann));
        expect(client.story).toEqual(['cursor_unknown', 'connected', 'message']);
      });

      test('a cursor of the future is unknown', async () => {
        const streams = await startStreams();
        const { epoch, last } = await source.broker.state();
        const cursor = encodeCursor({ epoch, sequence: last + 1_000_000 });
        const client = await open(streams, bob, { cursor }).untilConnected();
        expect(client.story).toEqual(['cursor_unknown', 'connected']);
      });

      test('when the broker does not hold everything any more, resync_required comes first and nothing is replayed', async () => {
        const first = await startStreams();
        const room = model.room(ann, bob);
        const client = await open(first, bob).untilConnected();
        const { cursor } = client;
        await client.close();
        for (let count = 0; count < 1_001; count += 1) model.erase(room, ann);
        await publish();
        const second = await startStreams();
        const back = await open(second, bob, { cursor }).untilConnected();
        expect(back.story).toEqual(['cursor_expired', 'connected']);
        // The client knows now where it stands.
        const next = await send(room, ann);
        await back.untilHas(next);
        await back.close();
        const last = await send(room, ann);
        const again = await open(second, bob, { cursor: back.cursor }).untilHas(last);
        expect(again.ids).toEqual([last]);
      });

      test('a long replay to a slow reader, while more and more happens', async () => {
        const first = await startStreams();
        const rooms = Array.from({ length: 4 }, () => model.room(ann, bob));
        const client = await open(first, bob).untilConnected();
        const { cursor } = client;
        await client.close();
        const expected: string[] = [];
        const say = async (count: number): Promise<void> => {
          for (let index = 0; index < count; index += 1) {
            expected.push(model.erase(rooms[index % rooms.length] ?? '', ann));
          }
          await publish();
        };
        await say(2_000);
        const second = await startStreams({ bufferEvents: 50 });
        const got: string[] = [];
        let back = open(second, bob, { cursor });
        // Once it is live it may be too slow.
        const comeBack = (): void => {
          if (back.ended === undefined) return;
          expect(back.ended).toBe('stream_overflow');
          got.push(...back.ids);
          back = open(second, bob, { cursor: back.cursor === '' ? cursor : back.cursor });
        };
        for (let round = 0; round < 10; round += 1) {
          const held = back.ids.length;
          await say(60);
          back.stall();
          await say(60);
          back.resume();
          await expect.poll(() => back.ids.length > held || back.ended !== undefined, POLL).toBe(true);
          comeBack();
        }
        await expect
          .poll(() => {
            comeBack();
            return back.ids.at(-1);
          }, POLL)
          .toBe(expected.at(-1));
        expect([...got, ...back.ids]).toEqual(expected);
      });

      test('two hundred clients come back at once', async () => {
        const streams = await startStreams({ maxStreamsPerUser: 0 });
        const room = model.room(ann, bob);
        const names = Array.from({ length: 200 }, (_, index) => `client-${index}`);
        const before = await Promise.all(
          names.map((clientId) => open(streams, bob, { clientId }).untilConnected()),
        );
        const seen = await send(room, ann);
        await Promise.all(before.map((client) => client.untilHas(seen)));
        await Promise.all(before.map((client) => client.close()));
        const missed = [await send(room, ann), await send(room, ann)];
        const second = await startStreams({ maxStreamsPerUser: 0 });
        const after = names.map((clientId, index) =>
          open(second, bob, { clientId, cursor: before[index]?.cursor ?? '' }),
        );
        const last = await send(room, ann);
        for (const client of after) {
          await client.untilHas(last);
          expect(client.ids).toEqual([...missed, last]);
        }
      });
    });

    describe('the end', () => {
      test('a newer stream of the same client replaces the older one, and nothing is lost between them', async () => {
        const streams = await startStreams();
        const room = model.room(ann, bob);
        const older = await open(streams, bob).untilConnected();
        const first = await send(room, ann);
        await older.untilHas(first);
        const newer = open(streams, bob);
        expect(await older.untilEnded()).toBe('stream_replaced');
        const second = await send(room, ann);
        await newer.untilHas(second);
        expect(newer.ids).toEqual([second]);
        expect(newer.ended).toBeUndefined();
      });

      test('also when the newer one is on another instance', async () => {
        const streams = await startStreams();
        const room = model.room(ann, bob);
        const older = await open(streams, bob).untilConnected();
        const elsewhere = await startStreams({}, await source.another());
        const newer = open(elsewhere, bob);
        expect(await older.untilEnded()).toBe('stream_replaced');
        await newer.untilConnected();
        await newer.untilHas(await send(room, ann));
      });

      test('too many clients of one user are refused, a replacement is not', async () => {
        const streams = await startStreams({ maxStreamsPerUser: 2 });
        const first = await open(streams, bob, { clientId: 'one' }).untilConnected();
        await open(streams, bob, { clientId: 'two' }).untilConnected();
        expect(await open(streams, bob, { clientId: 'three' }).untilEnded()).toBe('too many connections');
        await open(streams, bob, { clientId: 'two' }).untilConnected();
        await open(streams, eve, { clientId: 'three' }).untilConnected();
        await first.close();
        await open(streams, bob, { clientId: 'three' }).untilConnected();
      });

      test('an expired token', async () => {
        const streams = await startStreams();
        const client = open(streams, bob, { expiresAt: Date.now() + 300 });
        await client.untilConnected();
        expect(await client.untilEnded()).toBe('token_expired');
      });

      test('a removed user', async () => {
        const streams = await startStreams();
        const client = await open(streams, bob).untilConnected();
        const other = await open(streams, ann).untilConnected();
        model.removedUsers.add(bob);
        expect(await client.untilEnded()).toBe('invalid_token');
        expect(other.ended).toBeUndefined();
      });

      test('a reader that stops is cut off, and goes on with its cursor', async () => {
        const streams = await startStreams({ bufferEvents: 100 });
        const room = model.room(ann, bob);
        const client = await open(streams, bob).untilConnected();
        client.stall();
        const sent = [];
        for (let count = 0; count < 500; count += 1) sent.push(model.erase(room, ann));
        await publish();
        // It learns of its end when it reads again.
        const ended = client.untilEnded();
        for (let count = 0; count < 200; count += 1) sent.push(await eraseNow(room));
        client.resume();
        expect(await ended).toBe('stream_overflow');
        const back = await open(streams, bob, { cursor: client.cursor }).untilHas(sent.at(-1) ?? '');
        expect([...client.ids, ...back.ids]).toEqual(sent);
      });

      test('the service stops: everybody is told, and finds his place again', async () => {
        const streams = await startStreams();
        const room = model.room(ann, bob);
        const client = await open(streams, bob).untilConnected();
        await client.untilHas(await send(room, ann));
        await streams.stop();
        expect(await client.untilEnded()).toBe('shutting_down');
        expect(await open(streams, bob).untilEnded()).toBe('shutting_down');
        expect(model.stored.get(`${bob} phone`)?.sequence).toBe(client.position);
        const missed = await send(room, ann);
        const back = await open(await startStreams(), bob).untilHas(missed);
        expect(back.ids).toEqual([missed]);
      });
    });

    describe('room views', () => {
      test('one load for all streams of a user, each user his own view', async () => {
        const streams = await startStreams();
        const room = model.room(ann, bob);
        const names = ['a', 'b', 'c', 'd'];
        const bobs = await Promise.all(
          names.map((clientId) => open(streams, bob, { clientId }).untilConnected()),
        );
        const other = await open(streams, ann).untilConnected();
        const id = model.touch(room, ann);
        await publish();
        for (const client of [...bobs, other]) await client.untilHas(id);
        for (const client of bobs) expect(client.events.at(-1)?.room?.name).toBe(`for ${bob}`);
        expect(other.events.at(-1)?.room?.name).toBe(`for ${ann}`);
        if (consumers === 'shared') expect(model.viewsAsked.toSorted()).toEqual([ann, bob]);
      });

      test('a view that fails is asked for again, and what comes after it waits', async () => {
        const streams = await startStreams();
        const room = model.room(ann, bob);
        const client = await open(streams, bob).untilConnected();
        model.failingViews = 2;
        const updated = model.touch(room, ann);
        const after = model.erase(room, ann);
        await publish();
        await client.untilHas(after);
        expect(client.ids).toEqual([updated, after]);
        expect(client.events.at(-2)?.room?.name).toBe(`for ${bob}`);
      });

      test('without a view the event comes without room', async () => {
        const streams = await startStreams();
        const room = model.room(ann, bob);
        const client = await open(streams, bob).untilConnected();
        model.failingViews = 3;
        const updated = model.touch(room, ann);
        await publish();
        await client.untilHas(updated);
        expect(client.events.at(-1)?.room).toBeUndefined();
      });
    });

    describe('typing', () => {
      function typing(roomId: string, userId: number, isTyping: boolean): MessageEvent {
        return create(MessageEventSchema, { roomId, event: { case: 'typing', value: { userId, isTyping } } });
      }

      test('reaches the other members on all instances, has no cursor and is not replayed', async () => {
        const streams = await startStreams();
        const elsewhere = await startStreams({}, await source.another());
        const room = model.room(ann, bob, eve);
        const author = await open(streams, ann).untilConnected();
        const near = await open(streams, bob).untilConnected();
        const far = await open(elsewhere, eve).untilConnected();
        streams.typing(room, ann, typing(room, ann, true));
        for (const client of [near, far]) {
          await expect.poll(() => client.story, POLL).toEqual(['connected', 'typing']);
          expect(client.events.at(-1)?.cursor).toBe('');
        }
        const { cursor } = near;
        await near.close();
        const back = await open(streams, bob, { cursor }).untilConnected();
        expect(back.story).toEqual(['connected']);
        expect(author.story).toEqual(['connected']);
      });

      test('is forwarded once in two seconds, its end always', async () => {
        const streams = await startStreams();
        const room = model.room(ann, bob);
        const client = await open(streams, bob).untilConnected();
        for (const isTyping of [true, true, false, true, false]) {
          streams.typing(room, ann, typing(room, ann, isTyping));
        }
        await expect.poll(() => client.story.length, POLL).toBe(4);
        const told = client.events.flatMap(({ event }) =>
          event.case === 'typing' ? [event.value.isTyping] : [],
        );
        expect(told).toEqual([true, false, false]);
      });
    });

    async function eraseNow(room: string): Promise<string> {
      const id = model.erase(room, ann);
      await publish();
      return id;
    }
  });
}
