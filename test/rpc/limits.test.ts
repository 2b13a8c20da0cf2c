import { ValueSchema } from '@bufbuild/protobuf/wkt';
import { Code, type ConnectError } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { chatClient, PROTOCOLS, startTestApp, type TestApp, tokenOf, tokensClient } from '../support/app.ts';
import { createTestDatabase } from '../support/database.ts';
import { type Outcome, outcomesOf, sends } from '../support/outcomes.ts';
import { scrape } from '../support/scrape.ts';

const SECONDS_LEFT = /^([1-9]|[1-5]\d|60)$/;
const PUSH_TOKEN = { platform: 'ANDROID', token: 'push' };
/** A user per test: what one takes is not missed by another. */
let lastUser = 0;

describe.skipIf(inject('postgresUrl') === '')('limits', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startTestApp({ limited: true, users: 80, env: { RATE_LIMIT_STREAMS_PER_MINUTE: '3' } });
  });
  afterAll(() => app?.stop());

  /** A new user with so many groups of his own. */
  async function person(rooms = 0) {
    const id = ++lastUser;
    const chat = await chatClient(app.url, { as: id, clientId: `c${id}` });
    const ids: string[] = [];
    for (let room = 0; room < rooms; room += 1) {
      const created = await chat.createRoom({ type: 'group', name: `Room ${room}`, participants: [80] });
      ids.push(created.room?.id ?? '');
    }
    return { id, chat, rooms: ids, tokens: await tokensClient(app.url, { as: id }) };
  }

  /** Messages of users in the rooms, as they are stored. */
  async function stored(rooms: readonly string[]): Promise<number> {
    const { db } = app.app.parts();
    const { rows } = await db.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM room_message WHERE room_id = ANY($1) AND type = 'user_message'`,
      [rooms],
    );
    return rows[0]?.n ?? 0;
  }

  test('60 messages of a user at once; the rest is refused, and nothing of it is stored', async () => {
    const ana = await person(3);
    const { ok, refused, seconds } = await outcomesOf(sends(ana.chat, 75, ana.rooms));
    expect(ok).toBeGreaterThanOrEqual(60);
    expect(ok).toBeLessThanOrEqual(60 + seconds);
    expectRefusals(refused, 75 - ok);
    expect(await stored(ana.rooms)).toBe(ok);
    const others = await person(1);
    expect((await outcomesOf(sends(others.chat, 5, others.rooms))).ok).toBe(5);
  });

  test('30 in one room, in whichever spelling; what a room refuses does not count for the user', async () => {
    const ana = await person(2);
    const [crowded = '', quiet = ''] = ana.rooms;
    const first = await outcomesOf(sends(ana.chat, 40, [crowded, crowded.toUpperCase()]));
    expect(first.ok).toBeGreaterThanOrEqual(30);
    expect(first.ok).toBeLessThanOrEqual(30 + first.seconds / 2 + 1);
    expectRefusals(first.refused, 40 - first.ok);
    expect(await stored([crowded])).toBe(first.ok);
    expect((await outcomesOf(sends(ana.chat, 60 - first.ok, [quiet]))).refused).toEqual([]);
  });

  test('a repeated message counts, too', async () => {
    const ana = await person(1);
    const repeated = Array.from(
      { length: 40 },
      () => () =>
        ana.chat.sendMessage({ roomId: ana.rooms[0] ?? '', content: 'YQ==', senderMessageId: 'one' }),
    );
    const { refused } = await outcomesOf(repeated);
    expect(refused.length).toBeGreaterThan(0);
    expect(await stored(ana.rooms)).toBe(1);
  });

  test('a request that names no room keeps its own error, and makes no bucket', async () => {
    const ana = await person(1);
    await outcomesOf(sends(ana.chat, 40, ana.rooms));
    for (let call = 0; call < 70; call += 1) {
      await expect(
        ana.chat.sendMessage({ roomId: `nonsense ${call}`, content: 'YQ==' }),
      ).rejects.toMatchObject({
        code: Code.InvalidArgument,
        rawMessage: 'invalid_request_data',
      });
    }
  });

  test('10 push tokens', async () => {
    const ana = await person();
    const { ok, refused, seconds } = await outcomesOf(
      Array.from({ length: 15 }, () => () => ana.tokens.saveToken(PUSH_TOKEN)),
    );
    expect(ok).toBeGreaterThanOrEqual(10);
    expect(ok).toBeLessThanOrEqual(10 + seconds);
    expectRefusals(refused, 15 - ok);
  });

  test('30 new rooms', async () => {
    const ana = await person();
    const { ok, refused, seconds } = await outcomesOf(
      Array.from(
        { length: 40 },
        () => () => ana.chat.createRoom({ type: 'group', name: 'x', participants: [80] }),
      ),
    );
    expect(ok).toBeGreaterThanOrEqual(30);
    expect(ok).toBeLessThanOrEqual(30 + seconds);
    expectRefusals(refused, 40 - ok);
    const { items } = await ana.chat.getRooms({});
    expect(items).toHaveLength(ok);
  });

  test('stream opens, while other calls and open streams go on', async () => {
    const ana = await person(1);
    const closing = new AbortController();
    const open = async (clientId: string): Promise<boolean> => {
      const chat = await chatClient(app.url, { as: ana.id, clientId });
      for await (const { event } of chat.streamMessages({}, { signal: closing.signal })) {
        return event.case === 'connected';
      }
      return false;
    };
    const { ok, refused } = await outcomesOf(['a', 'b', 'c', 'd'].map((clientId) => () => open(clientId)));
    expect(ok).toBe(3);
    expectRefusals(refused, 1);
    expect((await outcomesOf(sends(ana.chat, 3, ana.rooms))).ok).toBe(3);
    closing.abort();
  });

  test.each(PROTOCOLS)(
    '%s shows the refusal, when to come back, and the inherited detail',
    async (protocol) => {
      const ana = await person();
      const tokens = await tokensClient(app.url, { as: ana.id, clientId: 'c', protocol });
      const unary = await outcomesOf(Array.from({ length: 15 }, () => () => tokens.saveToken(PUSH_TOKEN)));
      expectRefusals(unary.refused, 15 - unary.ok);
      expectDetail(unary.refused[0], '/services.tokens.v1.TokensService/SaveToken');
      const opened = await outcomesOf(
        ['a', 'b', 'c', 'd', 'e'].map((clientId) => async () => {
          const chat = await chatClient(app.url, { as: ana.id, clientId, protocol });
          for await (const _ of chat.streamMessages({})) break;
        }),
      );
      expectRefusals(opened.refused, 5 - opened.ok);
      expectDetail(opened.refused[0], '/services.chat.v1.ChatService/StreamMessages');
    },
  );

  test('over plain HTTP: 429 and the header, which a browser may read', async () => {
    const ana = await person();
    const call = async (): Promise<Response> =>
      await fetch(`${app.url}/services.tokens.v1.TokensService/SaveToken`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${await tokenOf(ana.id)}`,
          'content-type': 'application/json',
          origin: 'http://app.example',
        },
        body: JSON.stringify(PUSH_TOKEN),
      });
    const answers = await Promise.all(Array.from({ length: 15 }, call));
    const refused = answers.find(({ status }) => status === 429);
    expect(refused?.headers.get('retry-after')).toMatch(SECONDS_LEFT);
    expect(refused?.headers.get('access-control-expose-headers')).toContain('Retry-After');
    expect(await refused?.json()).toMatchObject({
      code: 'resource_exhausted',
      message: 'rate limit exceeded',
    });
  });

  test('are counted', async () => {
    const before = await scrape(app.url);
    const ana = await person(1);
    const { ok, refused } = await outcomesOf(sends(ana.chat, 40, ana.rooms));
    const after = await scrape(app.url);
    const grown = (limit: string, outcome: string): number => {
      const labels = { limit, outcome };
      const value = (from: typeof after): number =>
        from.value('chat_rate_limit_decisions_total', labels) ?? 0;
      return value(after) - value(before);
    };
    expect(grown('messages_per_user', 'allowed')).toBe(ok);
    expect(grown('messages_per_user_and_room', 'allowed')).toBe(ok);
    expect(grown('messages_per_user_and_room', 'refused')).toBe(refused.length);
    expect(grown('messages_per_user', 'refused')).toBe(0);
    expect(grown('created_rooms', 'allowed')).toBe(1);
    expect(after.value('chat_rate_limit_fallbacks_total')).toBe(0);
  });
});

describe('no limits', () => {
  let app: TestApp | undefined;
  afterAll(() => app?.stop());

  test.skipIf(inject('postgresUrl') === '')('0 lets everything pass', async () => {
    app = await startTestApp({
      limited: true,
      env: { RATE_LIMIT_USER_PER_MINUTE: '0', RATE_LIMIT_ROOM_PER_MINUTE: '0' },
    });
    const chat = await chatClient(app.url, { as: 1 });
    const { room } = await chat.createRoom({ type: 'group', name: 'x', participants: [2] });
    expect((await outcomesOf(sends(chat, 150, [room?.id ?? '']))).refused).toEqual([]);
    await app.stop();
  });

  test.skipIf(inject('postgresUrl') === '')('who develops with everything embedded has none', async () => {
    // To the settings it is embedded.
    const { db, drop } = await createTestDatabase();
    app = await startTestApp({ limited: true, overrides: { db } });
    expect(app.databaseUrl).toBe('');
    const chat = await chatClient(app.url, { as: 1 });
    const { room } = await chat.createRoom({ type: 'group', name: 'x', participants: [2] });
    expect((await outcomesOf(sends(chat, 150, [room?.id ?? '']))).refused).toEqual([]);
    await app.stop();
    await drop();
  });
});

function expectRefusals(refused: Outcome['refused'], count: number): void {
  expect(refused).toHaveLength(count);
  expect(count).toBeGreaterThan(0);
  for (const error of refused) {
    expect(error).toMatchObject({ code: Code.ResourceExhausted, rawMessage: 'rate limit exceeded' });
    expect(error.metadata.get('retry-after')).toMatch(SECONDS_LEFT);
  }
}

function expectDetail(error: ConnectError | undefined, procedure: string): void {
  const [detail] = error?.findDetails(ValueSchema) ?? [];
  const text = detail?.kind.case === 'stringValue' ? detail.kind.value : '';
  const [path, info = ''] = text.split(':responseInfo:');
  expect(path).toBe(procedure);
  expect(JSON.parse(Buffer.from(info, 'base64').toString())).toMatchObject({
    HTTPStatusCode: 429,
    apiErrorCode: Code.ResourceExhausted,
    message: 'rate limit exceeded',
  });
}
