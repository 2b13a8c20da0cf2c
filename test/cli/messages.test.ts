import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { runSend, type TextInput } from '../../src/cli/send.ts';
import { decryptMessage } from '../../src/crypto/message-cipher.ts';
import { createRoomKeys, type RoomKey } from '../../src/crypto/room-keys.ts';
import type { MessageData } from '../../src/gen/services/chat/v1/types_pb.ts';
import { MASTER } from '../crypto/vectors.ts';
import { chatClient, startTestApp, type TestApp } from '../support/app.ts';
import { COMMAND_KEYS, CommandProcess, commandEnv, commandRunner } from '../support/commands.ts';
import { createTestDatabase } from '../support/database.ts';
import { startNats } from '../support/nats-server.ts';
import { freePort } from '../support/ports.ts';

const { out, err, run, json } = commandRunner();
const cleanups: (() => Promise<unknown>)[] = [];
let app: TestApp;
let env: Record<string, string>;

beforeEach(async () => {
  app = await startTestApp({ env: COMMAND_KEYS });
  env = commandEnv(app.url);
});
afterEach(async () => {
  for (const work of cleanups.splice(0).reverse()) await work();
  await app.stop();
});

describe('send', () => {
  it('stores what everybody in the room can read, and prints it', async () => {
    expect(await run(['send', '--as', '1', '--with', '2', 'The build', 'is green ✅', '--json'], env)).toBe(
      0,
    );
    const { id, roomId, content } = Object(json());
    expect(out).toHaveLength(1);
    expect(content).not.toContain('build');
    const { messages, key } = await readRoom(roomId);
    expect(messages.map((message) => message.id)).toEqual([id]);
    expect(decryptMessage(content, key)).toBe('The build is green ✅');
  });

  it('stores a message once, however often it is sent with the same id', async () => {
    const argv = ['send', '--as', '1', '--with', '2', '--id', 'build-4711', 'green'];
    expect(await run(argv, env)).toBe(0);
    const [first] = out;
    expect(await run(argv, env)).toBe(0);
    expect(out).toEqual([first]);
  });

  it('answers another message', async () => {
    expect(await run(['send', '--as', '1', '--with', '2', 'lunch?'], env)).toBe(0);
    const [question = ''] = out;
    expect(
      await run(['send', '--as', '2', '--with', '1', '--reply-to', question, '--json', '--', '--yes'], env),
    ).toBe(0);
    expect(json()).toMatchObject({ reply: { id: question } });
    const gone = crypto.randomUUID();
    expect(await run(['send', '--as', '2', '--with', '1', '--reply-to', gone, 'yes'], env)).toBe(1);
    expect(err.join()).toContain('not sent:');
  });

  it('takes stdin as one message, or each line of it', async () => {
    expect(await runSend(['--as', '1', '--with', '2', '--json'], env, input('first\nsecond\n'))).toBe(0);
    const { roomId } = Object(json());
    expect(await texts(roomId)).toEqual(['first\nsecond']);
    const argv = ['--as', '1', '--with', '2', '--lines', '--id', 'log'];
    for (let time = 0; time < 2; time += 1) {
      expect(await runSend(argv, env, input('one\r\n\ntwo'))).toBe(0);
    }
    expect(await texts(roomId)).toEqual(['first\nsecond', 'one', 'two']);
  });

  it('says so when nothing is to be sent, or nothing can', async () => {
    expect(await runSend(['--as', '1', '--with', '2'], env, input('\n'))).toBe(1);
    expect(err.join()).toContain('there is nothing to send');
    expect(await runSend(['--as', '1', '--with', '2'], env, Object.assign(input(''), { isTTY: true }))).toBe(
      2,
    );
    const { CHAT_KEY: _key, CHAT_IV: _iv, ...keyless } = env;
    expect(await run(['send', '--as', '1', '--with', '2', 'hello'], keyless)).toBe(1);
    expect(err.join()).toContain('the key of this room is not known here');
    expect(await run(['send', '--as', '1', '--with', '2', 'x'.repeat(9_000)], env)).toBe(1);
    expect(err.join()).toContain('too long');
  });
});

describe('tail', () => {
  it('prints what happens, for people', async () => {
    const tail = open(['--as', '2']);
    await tail.says(/# connected/);
    const ana = await chatClient(app.url, { as: 1 });
    await ana.createRoom({ type: 'group', name: 'Lunch \u001b[2Jat noon', participants: [2] });
    await tail.says(/Lunch at noon {2}user 2 was added/);
    expect(await run(['send', '--as', '1', '--room', 'Lunch', 'soup or salad?'], env)).toBe(0);
    await tail.says(/Lunch at noon {2}User 1: soup or salad\?/);
    await ana.deleteMessage({ roomId: await roomOf('Lunch'), messageIds: [out[0] ?? ''] });
    await tail.says(new RegExp(`message ${out[0]} was deleted`));
    tail.child.kill('SIGINT');
    expect(await tail.exitCode).toBe(0);
    expect(tail.out).not.toContain('\u001b[2J');
    // Only what is about the connection is no event.
    expect(tail.err).toBe('# connected\n');
  });

  it('prints JSON with text and cursor, and goes on after a cursor', async () => {
    const tail = open(['--as', '2', '--with', '1', '--json', '--count', '1']);
    await tail.says(/# connected/);
    for (const text of ['one', 'two', 'three']) await run(['send', '--as', '1', '--with', '2', text], env);
    expect(await tail.exitCode).toBe(0);
    const lines = tail.out.trimEnd().split('\n');
    expect(lines).toHaveLength(1);
    const { cursor, text, message, eventId } = JSON.parse(lines[0] ?? '');
    expect({ text, senderId: message.senderId }).toEqual({ text: 'one', senderId: 1 });
    expect(eventId).toMatch(/^[0-9a-f-]{36}$/);

    const next = open(['--as', '2', '--json', '--cursor', cursor, '--count', '2']);
    expect(await next.exitCode).toBe(0);
    expect(next.out.match(/"text":"\w+"/g)).toEqual(['"text":"two"', '"text":"three"']);
  });

  it('resumes where the last one had stopped', async () => {
    const first = open(['--as', '2', '--resume', '--json']);
    await first.says(/# connected/);
    await run(['send', '--as', '1', '--with', '2', 'before'], env);
    await first.says(/"text":"before"/);
    first.child.kill('SIGTERM');
    expect(await first.exitCode).toBe(0);
    await run(['send', '--as', '1', '--with', '2', 'meanwhile'], env);
    const second = open(['--as', '2', '--resume', '--json']);
    await second.says(/"text":"meanwhile"/);
    expect(second.err).not.toContain('missing');
  });

  it('ends when its time is over, and without a word when nobody reads any more', async () => {
    expect(await open(['--as', '2', '--for', '1']).exitCode).toBe(0);
    const closed = open(['--as', '2']);
    await closed.says(/# connected/);
    closed.child.stdout?.destroy();
    await expect
      .poll(async () => {
        await run(['send', '--as', '1', '--with', '2', 'anybody?'], env);
        return closed.child.exitCode;
      })
      .toBe(0);
    expect(closed.err).toBe('# connected\n');
  });

  it('shows messages as locked without the key', async () => {
    const { CHAT_KEY: _key, CHAT_IV: _iv, ...keyless } = env;
    const tail = new CommandProcess(['tail', '--as', '2', '--count', '2'], keyless);
    cleanups.push(() => tail.kill());
    await tail.says(/# connected/);
    await run(['send', '--as', '1', '--with', '2', 'secret'], env);
    expect(await tail.exitCode).toBe(0);
    expect(tail.out).toMatch(/User 1: 🔒/);
  });

  it.skipIf(!inject('canStart').nats || inject('postgresUrl') === '')(
    'goes on by cursor when the service was away, and send waits for it',
    async () => {
      const database = await createTestDatabase();
      cleanups.push(() => database.drop());
      const nats = await startNats();
      cleanups.push(() => nats.stop());
      const port = await freePort();
      const options = {
        databaseUrl: database.url,
        broker: nats.url as `nats://${string}`,
        env: { ...COMMAND_KEYS, SERVER_ADDRESS: `127.0.0.1:${port}` },
      };
      const first = await startTestApp(options);
      cleanups.push(() => first.stop());
      const there = commandEnv(first.url);
      const tail = open(['--as', '2', '--json'], there);
      await tail.says(/# connected/);
      await run(['send', '--as', '1', '--with', '2', 'before'], there);
      await tail.says(/"text":"before"/);

      const lines = new PassThrough();
      const sending = runSend(['--as', '1', '--with', '2', '--lines'], there, lines);
      lines.write('while it is there\n');
      await tail.says(/"text":"while it is there"/);
      await first.stop();
      await tail.says(/# connection lost/);
      lines.end('while it is away\n');
      const again = await startTestApp(options);
      cleanups.push(() => again.stop());
      expect(await sending).toBe(0);
      await tail.says(/"text":"while it is away"/);
      expect(tail.err).toMatch(/# connected again/);
      expect(tail.err).not.toContain('missing');
      expect(tail.out.match(/"text":"[^"]*"/g)).toHaveLength(3);
    },
  );
});

function open(argv: readonly string[], environment: Readonly<Record<string, string>> = env): CommandProcess {
  const tail = new CommandProcess(['tail', ...argv], environment);
  cleanups.push(() => tail.kill());
  return tail;
}

function input(text: string): TextInput {
  const stream = new PassThrough();
  stream.end(text);
  return stream;
}

async function roomOf(search: string): Promise<string> {
  const { items } = await (await chatClient(app.url, { as: 1 })).getRooms({ search });
  return items[0]?.id ?? '';
}

async function readRoom(
  id: string,
): Promise<{ readonly messages: readonly MessageData[]; readonly key: RoomKey }> {
  const ben = await chatClient(app.url, { as: 2 });
  const { room } = await ben.getRoom({ id });
  const { items } = await ben.getMessageHistory({ id });
  return { messages: items.toReversed(), key: createRoomKeys(MASTER).open(room?.encryptionData ?? '') };
}

async function texts(roomId: string): Promise<string[]> {
  const { messages, key } = await readRoom(roomId);
  return messages.map(({ content }) => decryptMessage(content, key));
}
