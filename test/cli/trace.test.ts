import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { run } from '../../src/cli/run.ts';
import { runTrace } from '../../src/cli/trace.ts';
import type { MessageData } from '../../src/gen/services/chat/v1/types_pb.ts';
import { chatClient, dropKeyspaces, scyllaEnv, startTestApp, type TestApp } from '../support/app.ts';
import { createTestDatabase } from '../support/database.ts';
import { type NatsServer, startNats } from '../support/nats-server.ts';
import { freePort } from '../support/ports.ts';
import { ResumingClient } from '../support/resuming-client.ts';

const CONTENT = 'nobody-may-read-this';
const UNLIMITED = { RATE_LIMIT_USER_PER_MINUTE: '0', RATE_LIMIT_ROOM_PER_MINUTE: '0' };

let out: string[];
let err: string[];
beforeEach(() => {
  out = [];
  err = [];
  vi.spyOn(console, 'log').mockImplementation((text) => void out.push(String(text)));
  vi.spyOn(console, 'error').mockImplementation((text) => void err.push(String(text)));
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** What the command says; it has to end well. */
async function trace(env: Readonly<Record<string, string>>, ...argv: readonly string[]): Promise<string> {
  out.length = 0;
  expect(await runTrace(argv, env), err.join()).toBe(0);
  return out.join('\n');
}

/** The lines about a member, without the indentation. */
function ofUser(said: string, userId: number): string[] {
  const lines = said.split('\n').map((line) => line.trim());
  const start = lines.findIndex((line) => line.startsWith(`user ${userId}:`));
  const end = lines.findIndex((line, index) => index > start && (line === '' || line.startsWith('user ')));
  return lines.slice(start, end);
}

async function send(app: TestApp, userId: number, roomId: string, key?: string): Promise<MessageData> {
  const client = await chatClient(app.url, { as: userId });
  const request = { roomId, content: CONTENT, ...(key === undefined ? {} : { senderMessageId: key }) };
  const { message } = await client.sendMessage(request);
  if (message === undefined) throw new Error('nothing was sent');
  return message;
}

async function newRoom(app: TestApp, ...participants: number[]): Promise<string> {
  const owner = await chatClient(app.url, { as: 1 });
  return (await owner.createRoom({ type: 'group', name: 'Traced', participants })).room?.id ?? '';
}

/** A client that was connected once, and is remembered where it was. */
async function leaveBehind(app: TestApp, userId: number, clientId: string): Promise<void> {
  const client = new ResumingClient(() => chatClient(app.url, { as: userId, clientId }));
  await client.untilConnected();
  await client.close();
  const { db } = app.app.parts();
  await expect
    .poll(async () => {
      const query = 'SELECT 1 FROM stream_position WHERE user_id = $1 AND client_id = $2';
      return (await db.query(query, [userId, clientId])).rows.length;
    })
    .toBe(1);
}

describe('arguments of the trace command', () => {
  it.each([
    [[], 'which message?'],
    [['one', 'two'], 'which message?'],
    [['first'], '"first" is no message id, which is a UUID; a sender_message_id needs --sender'],
    [['first', '--sender', 'me'], '"me" is no user id'],
    [['x'.repeat(65), '--sender', '1'], 'at most 64 characters'],
    [[randomUUID(), '--content'], '--content'],
  ])('%j are refused with the usage and code 2', async (argv, text) => {
    expect(await runTrace(argv, {})).toBe(2);
    expect(err.join('\n')).toContain(text);
    expect(err.join('\n')).toContain('Usage: npx connect-chat trace');
    expect(out).toEqual([]);
  });

  it('are explained', async () => {
    expect(await run(['trace', '--help'], {})).toBe(0);
    expect(out.join()).toContain('every 3 s');
  });
});

describe.skipIf(inject('postgresUrl') === '' || !inject('canStart').nats)('the trace of a message', () => {
  let nats: NatsServer;
  let app: TestApp;
  let env: Record<string, string>;

  beforeAll(async () => {
    nats = await startNats();
    app = await startTestApp({ broker: nats.url as `nats://${string}`, env: UNLIMITED });
    env = { DATABASE_URL: app.databaseUrl, NATS_URL: nats.url };
  });
  afterAll(async () => {
    await app?.stop();
    await nats?.stop();
  });

  it('tells who got it, who read it, and who is behind', async () => {
    const roomId = await newRoom(app, 2, 3, 4, 5);
    await leaveBehind(app, 4, 'phone');
    const streaming = new ResumingClient(() => chatClient(app.url, { as: 2, clientId: 'tab' }));
    await streaming.untilConnected();
    const message = await send(app, 1, roomId, 'first');
    await streaming.expectAll(roomId, 1, 1);
    await (await chatClient(app.url, { as: 3 })).markMessagesAsRead({ roomId, messageIds: [message.id] });
    await (await chatClient(app.url, { as: 5 })).leaveRoom({ id: roomId });
    await expect.poll(async () => ofUser(await trace(env, message.id), 2)[1]).toContain('delivered');

    const said = await trace(env, message.id.toUpperCase());
    expect(said).toContain(`message   ${message.id}, user_message`);
    expect(said).toContain(`room      ${roomId}, sequence 1`);
    expect(said).toContain('sender    user 1, sender_message_id first');
    expect(said).toMatch(/stored {4}20\d\d-\d\d-\d\dT.*Z, .* ago, in PostgreSQL/);
    expect(said).toContain('nothing of this message waits to be published');
    expect(said).toMatch(/broker {4}event 1, status_update SENT, sequence \d+, 20/);
    expect(said).toMatch(/ {10}event 2, message, sequence \d+, 20/);
    expect(said).toMatch(/ {10}event 3, status_update READ by user 3, sequence \d+, 20/);
    expect(said).toContain('members   5\n');
    expect(ofUser(said, 1)[0]).toBe('user 1: active, the sender');
    expect(ofUser(said, 2)).toEqual([
      'user 2: active, not read',
      expect.stringMatching(/^client tab: delivered \(at \d+\)/),
    ]);
    expect(ofUser(said, 3)).toEqual([
      expect.stringMatching(/^user 3: active, read at 20/),
      'no client has a remembered position',
    ]);
    expect(ofUser(said, 4)).toEqual([
      'user 4: active, not read',
      expect.stringMatching(/^client phone: not yet: \d+ events? behind/),
    ]);
    expect(ofUser(said, 5)[0]).toBe('user 5: has left, not read');
    expect(said).toContain('stored every 3 s');
    expect(said).not.toContain(CONTENT);
    expect(said).not.toMatch(/edited|deleted/);
    await streaming.close();

    expect((await trace(env, 'first', '--sender', '1')).split('\n').slice(0, 3)).toEqual(
      said.split('\n').slice(0, 3),
    );
  });

  it('tells that it was edited and deleted, and who came later', async () => {
    const roomId = await newRoom(app, 2);
    const { id } = await send(app, 1, roomId);
    const owner = await chatClient(app.url, { as: 1 });
    await owner.editMessage({ messageId: id, newContent: CONTENT });
    await owner.addParticipantToRoom({ id: roomId, participants: [3] });
    expect(await trace(env, id)).toMatch(/edited {4}last change 20/);
    await owner.deleteMessage({ roomId, messageIds: [id] });
    await expect.poll(async () => await trace(env, id)).toMatch(/event \d+, delete_message, sequence/);
    const said = await trace(env, id);
    expect(said).toMatch(/deleted {3}20/);
    expect(said).toMatch(/event 3, update_message, sequence/);
    expect(ofUser(said, 3)[0]).toContain('joined after it: his streams do not get it');
    expect(ofUser(said, 2)[0]).toBe('user 2: active, not read');
  });

  it('shows the first 50 members, or all', async () => {
    const roomId = await newRoom(app, 2);
    const { id } = await send(app, 1, roomId);
    const { db } = app.app.parts();
    await db.query(`INSERT INTO "user" (id, name) SELECT n, 'more' FROM generate_series(100, 159) n`);
    await db.query(
      `INSERT INTO room_member (room_id, user_id) SELECT $1::uuid, n FROM generate_series(100, 159) n`,
      [roomId],
    );
    const some = await trace(env, id);
    expect(some).toContain('members   62, the first 50 shown (--all)');
    expect(some.match(/user \d+: active/g)).toHaveLength(50);
    expect((await trace(env, id, '--all')).match(/user \d+: active/g)).toHaveLength(62);
  });

  it('finds it in the outbox while NATS is killed', async () => {
    const roomId = await newRoom(app, 2);
    await leaveBehind(app, 2, 'waiting');
    await nats.kill();
    const { id } = await send(app, 1, roomId);
    try {
      const said = await trace(env, id);
      expect(said).toMatch(/outbox {4}waits: event 1, status_update SENT, 20/);
      expect(said).toMatch(/ {10}waits: event 2, message, 20/);
      expect(said).toContain("broker    NATS can't be asked: connection refused");
    } finally {
      await nats.restart();
    }
    await expect.poll(async () => await trace(env, id)).toContain('nothing of this message waits');
    expect(await trace(env, id)).toMatch(/event 2, message, sequence/);
  });

  it('tells what was discarded, and who had it by then', async () => {
    const roomId = await newRoom(app, 2, 3);
    await leaveBehind(app, 3, 'old');
    const reader = new ResumingClient(() => chatClient(app.url, { as: 2, clientId: 'reader' }));
    await reader.untilConnected();
    const { id } = await send(app, 1, roomId);
    const client = await chatClient(app.url, { as: 1 });
    for (let round = 0; round < 10; round += 1) {
      await Promise.all(Array.from({ length: 50 }, () => client.sendMessage({ roomId, content: CONTENT })));
    }
    await reader.expectAll(roomId, 1, 501);
    await expect
      .poll(async () => await trace(env, id))
      .toContain('published, and discarded: the room has had 1000 newer events, more are not kept');
    await expect.poll(async () => ofUser(await trace(env, id), 2)[1]).toContain('client reader: delivered');
    expect(ofUser(await trace(env, id), 3)).toContainEqual(
      expect.stringMatching(/^client old: at \d+, older than what the broker holds/),
    );
    await reader.close();

    await nats.kill();
    await nats.restart({ wipe: true });
    await expect
      .poll(async () => await trace(env, id))
      .toMatch(/published, and lost: the broker's history began anew 20/);
    expect(ofUser(await trace(env, id), 3)).toContainEqual(
      expect.stringMatching(/^client old: in a history that is lost/),
    );
  });

  it('needs a message that there is, and a database that answers', async () => {
    const id = randomUUID();
    expect(await runTrace([id], env)).toBe(1);
    expect(err.join('\n')).toContain(`there is no message ${id} in PostgreSQL`);
    expect(await runTrace(['nothing', '--sender', '1'], env)).toBe(1);
    expect(err.join('\n')).toContain('there is no message "nothing" of user 1');
    const away = `127.0.0.1:${await freePort()}`;
    expect(await runTrace([id], { DATABASE_URL: `postgres://chat:secret-word@${away}/chat` })).toBe(1);
    expect(err.join('\n')).toContain(`PostgreSQL can't be used at postgres://${away}/chat`);
    expect(err.join('\n')).not.toMatch(/Usage|secret-word/);
    const empty = await createTestDatabase();
    await empty.db.query('DELETE FROM chat_schema');
    expect(await runTrace([id], { DATABASE_URL: empty.url })).toBe(1);
    expect(err.join('\n')).toContain('run `npm run migrate` first');
    await empty.drop();
  });

  describe.skipIf(inject('cassandraContactPoint') === '')('in Scylla', () => {
    afterAll(dropKeyspaces);

    it('tells the same', async () => {
      const database = await createTestDatabase();
      const scylla = await scyllaEnv(database.url);
      const inScylla = await startTestApp({
        databaseUrl: database.url,
        broker: nats.url as `nats://${string}`,
        env: { ...UNLIMITED, ...scylla },
      });
      const scyllaOnly = { DATABASE_URL: database.url, NATS_URL: nats.url, ...scylla };
      try {
        const roomId = await newRoom(inScylla, 2, 3);
        const message = await send(inScylla, 1, roomId, 'in Scylla');
        await (await chatClient(inScylla.url, { as: 2 })).markMessagesAsRead({
          roomId,
          messageIds: [message.id],
        });
        await expect
          .poll(async () => await trace(scyllaOnly, message.id))
          .toMatch(/event 3, status_update READ by user 2, sequence/);
        const said = await trace(scyllaOnly, 'in Scylla', '--sender', '1');
        expect(said).toContain(`message   ${message.id}, user_message`);
        expect(said).toContain(`room      ${roomId}, sequence 1`);
        expect(said).toMatch(/stored .* in Scylla/);
        expect(said).toContain('members   3\n');
        expect(ofUser(said, 2)[0]).toMatch(/^user 2: active, read at 20/);
        expect(ofUser(said, 3)[0]).toBe('user 3: active, not read');
        expect(said).not.toContain(CONTENT);
        expect(await runTrace([randomUUID()], scyllaOnly)).toBe(1);
        expect(err.join()).toContain('in Scylla');
      } finally {
        await inScylla.stop();
        await database.drop();
      }
    });
  });
});

describe('the trace of a message in an embedded database', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'chat-trace-'));
  afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

  it('works while the service does not run', async () => {
    expect(await runTrace([randomUUID()], { DATA_DIR: 'memory:' })).toBe(1);
    expect(await runTrace([randomUUID()], { DATA_DIR: dataDir })).toBe(1);
    expect(err.join('\n')).toContain(`there is no embedded database in ${dataDir}`);
    const app = await startTestApp({ embedded: true, env: { ...UNLIMITED, DATA_DIR: dataDir } });
    const { id } = await send(app, 1, await newRoom(app, 2));
    expect(await runTrace([id], { DATA_DIR: dataDir })).toBe(1);
    expect(err.join('\n')).toContain(`is in use by process ${process.pid}: stop the service first`);
    await app.stop();
    const said = await trace({ DATA_DIR: dataDir }, id);
    expect(said).toContain('sequence 1');
    expect(said).toContain('inside the process of the service');
    expect(ofUser(said, 2)[0]).toBe('user 2: active, not read');
  });
});
