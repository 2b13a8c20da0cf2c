import { afterEach, describe, expect, test } from 'vitest';
import { chatClient, startTestApp, tokenOf } from '../support/app.ts';
import { DoorReader } from '../support/door-reader.ts';
import { scrape } from '../support/scrape.ts';
import type { DoorCaller, DoorOrder, StreamDoor } from '../support/stream-doors.ts';

/** Running services on one database, with users 1 to 8 and streams that hold 100 events. */
export interface StreamDoorPlace {
  readonly url: string;
  /** Another instance; undefined when the broker is in the process. */
  readonly otherUrl: string | undefined;
}

const ANN = 1;
const BOB = 2;
const EVE = 3;
/** In one test only: nothing is on its way to them from another one. */
const DAN = 4;
const FAY = 5;

/** What the event stream does, whichever way it is read. */
export function streamDoorContract(door: StreamDoor, place: () => StreamDoorPlace): void {
  describe(`the event stream by ${door.name}`, () => {
    const readers: DoorReader[] = [];
    let clients = 0;

    afterEach(async () => {
      for (const reader of readers.splice(0)) await reader.close();
    });

    async function caller(userId: number, change: Partial<DoorCaller> = {}): Promise<DoorCaller> {
      clients += 1;
      const clientId = `${door.name.replaceAll(' ', '-')}-${clients}`;
      return { url: place().url, token: await tokenOf(userId), clientId, ...change };
    }

    function open(who: DoorCaller, order: DoorOrder = {}): DoorReader {
      const reader = new DoorReader(door, who, order);
      readers.push(reader);
      return reader;
    }

    async function group(...others: number[]): Promise<string> {
      const ann = await chatClient(place().url, { as: ANN });
      const { room } = await ann.createRoom({ type: 'group', name: 'Door', participants: others });
      return room?.id ?? '';
    }

    /** So many messages, some at once; the sequence of the last one. */
    async function send(roomId: string, count: number, content = 'eA==', url = place().url): Promise<number> {
      const ann = await chatClient(url, { as: ANN });
      let last = 0;
      for (let sent = 0; sent < count; sent += 20) {
        const answers = await Promise.all(
          Array.from({ length: Math.min(20, count - sent) }, () => ann.sendMessage({ roomId, content })),
        );
        last = Math.max(last, ...answers.map(({ message }) => message?.sequence ?? 0));
      }
      return last;
    }

    function upTo(last: number, from: number): number[] {
      return Array.from({ length: last - from + 1 }, (_, index) => from + index);
    }

    test('says that it is connected, then tells everything in order', async () => {
      const reader = await open(await caller(DAN)).untilConnected();
      const roomId = await group(DAN);
      const last = await send(roomId, 60);
      await reader.untilHas(roomId, last);
      expect(reader.story[0]).toBe('connected');
      expect(reader.sequences(roomId).slice(-60)).toEqual(upTo(last, last - 59));
      expect(reader.cursor).not.toBe('');
    });

    test('a reader that breaks off again and again misses nothing and hears nothing twice', async () => {
      const roomId = await group(BOB);
      const who = await caller(BOB);
      const reader = await open(who).untilConnected();
      const first = await send(roomId, 1);
      await reader.untilHas(roomId, first);
      let last = first;
      for (let turn = 0; turn < 6; turn += 1) {
        const sending = send(roomId, 20);
        await reader.comeBack(who);
        last = await sending;
      }
      await reader.untilHas(roomId, last);
      expect(reader.sequences(roomId)).toEqual(upTo(last, first));
      expect(reader.story).not.toContain('resyncRequired');
    });

    test('what it missed comes by client id too, without a cursor', async () => {
      const roomId = await group(BOB);
      const who = await caller(BOB);
      const reader = await open(who).untilConnected();
      await reader.close();
      const last = await send(roomId, 3);
      const back = open(who);
      await back.untilHas(roomId, last);
      expect(back.sequences(roomId)).toEqual(upTo(last, last - 2));
    });

    test('a cursor that is not ours asks for a new start, then it goes on', async () => {
      const reader = await open(await caller(FAY), { cursor: 'bm90IG91cnM' }).untilConnected();
      expect(reader.story.slice(0, 2)).toEqual(['resyncRequired', 'connected']);
      const roomId = await group(FAY);
      await reader.untilHas(roomId, await send(roomId, 1));
    });

    test('a room restricts it', async () => {
      const [one, two] = [await group(BOB), await group(BOB)];
      const reader = await open(await caller(BOB), { roomId: two }).untilConnected();
      await send(one, 1);
      await reader.untilHas(two, await send(two, 1));
      expect(reader.sequences(one)).toEqual([]);
    });

    test('who is removed hears of it, and nothing after', async () => {
      const [left, kept] = [await group(BOB, EVE), await group(BOB)];
      const reader = await open(await caller(BOB)).untilConnected();
      const before = await send(left, 1);
      await reader.untilHas(left, before);
      const ann = await chatClient(place().url, { as: ANN });
      await ann.leaveRoom({ id: left, participants: [BOB] });
      const last = await send(left, 3);
      await reader.untilHas(kept, await send(kept, 1));
      expect(reader.story).toContain('roomLeave');
      const after = upTo(last, last - 2);
      expect(reader.sequences(left).filter((sequence) => after.includes(sequence))).toEqual([]);
    });

    test('the same client id replaces the older one, which is told so', async () => {
      const roomId = await group(BOB);
      const who = await caller(BOB);
      const older = await open(who).untilConnected();
      const newer = await open(who).untilConnected();
      expect(await older.untilEnded()).toBe('stream_replaced');
      await newer.untilHas(roomId, await send(roomId, 1));
      expect(newer.ends).toEqual([]);
    });

    test('ends when the token expires', async () => {
      const reader = open(await caller(BOB, { token: await tokenOf(BOB, { ttl: 2 }) }));
      await reader.untilConnected();
      expect(await reader.untilEnded()).toBe('token_expired');
    });

    test('is refused without a token', async () => {
      const reader = open(await caller(BOB, { token: 'none' }));
      expect(await reader.untilEnded()).toBe('invalid_token');
    });

    test('is refused without a client id', async () => {
      const reader = open(await caller(BOB, { clientId: '' }));
      expect(await reader.untilEnded()).toBe('client_id_needed');
    });

    test('a room id that is none is refused', async () => {
      const reader = open(await caller(BOB), { roomId: 'room' });
      expect(await reader.untilEnded()).toBe('invalid_request_data');
    });

    test('who reads too slowly misses nothing', async () => {
      const roomId = await group(BOB);
      const who = await caller(BOB);
      const reader = await open(who).untilConnected();
      reader.stall();
      const last = await send(roomId, 600, door.isFeltLate === true ? '😀'.repeat(4_000) : 'y'.repeat(2_000));
      reader.resume();
      if (door.isHeld) {
        expect(await reader.untilEnded()).toBe('stream_overflow');
        await reader.comeBack(who);
      }
      await reader.untilHas(roomId, last);
      expect(reader.sequences(roomId)).toEqual(upTo(last, last - 599));
    });

    test('typing arrives while somebody listens, and moves no cursor', async () => {
      const roomId = await group(BOB);
      const reader = await open(await caller(BOB)).untilConnected();
      const ann = await chatClient(place().url, { as: ANN });
      // Whoever polls hears only what comes while he waits.
      await expect
        .poll(
          async () => {
            await ann.sendTyping({ roomId, isTyping: false });
            return reader.story.includes('typing');
          },
          { timeout: 20_000 },
        )
        .toBe(true);
      const typing = reader.events.find(({ event }) => event.case === 'typing');
      expect(typing).toMatchObject({ roomId, cursor: '', event: { value: { userId: ANN } } });
    });

    test('the service stops: it is told so', async () => {
      const own = await startTestApp();
      try {
        const reader = await open(await caller(BOB, { url: own.url })).untilConnected();
        // Whoever polls does so again meanwhile.
        const streams = async () => (await scrape(own.url)).value('chat_active_connections');
        await expect.poll(streams).toBe(1);
        const stopping = own.stop();
        expect(await reader.untilEnded()).toBe('shutting_down');
        await stopping;
      } finally {
        await own.stop();
      }
    });

    test('goes on at another instance', async (context) => {
      const { url, otherUrl } = place();
      if (otherUrl === undefined) return context.skip();
      const roomId = await group(BOB);
      const who = await caller(BOB);
      const reader = await open(who).untilConnected();
      const first = await send(roomId, 1);
      await reader.untilHas(roomId, first);
      let last = first;
      for (let turn = 0; turn < 4; turn += 1) {
        const [near, far] = turn % 2 === 0 ? [otherUrl, url] : [url, otherUrl];
        const sending = send(roomId, 20, 'eA==', far);
        await reader.comeBack({ ...who, url: near });
        last = await sending;
      }
      await reader.untilHas(roomId, last);
      expect(reader.sequences(roomId)).toEqual(upTo(last, first));
      expect(reader.story).not.toContain('resyncRequired');
    });
  });
}
