import { afterEach, describe, expect, inject, it } from 'vitest';
import { MASTER } from '../../crypto/vectors.ts';
import { chatClient, startTestApp } from '../../support/app.ts';
import { createTestDatabase } from '../../support/database.ts';
import { startNats } from '../../support/nats-server.ts';
import { freePort } from '../../support/ports.ts';
import { KEYS, TerminalChat } from '../../support/terminal-chat.ts';

describe.skipIf(!inject('canStart').nats || inject('postgresUrl') === '')('the full screen', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const work of cleanups.splice(0).reverse()) await work();
  });

  it('comes back when the service was away, with everything that was typed meanwhile, once', async () => {
    const start = await restartable();
    const first = await start();
    const client = await chatClient(first.url, { as: 2 });
    await client.createRoom({ type: 'group', name: 'Lunch', participants: [1, 3] });
    const ana = open(first.url, 1);
    const ben = open(first.url, 2);
    await ana.shows(/online/);
    ben.say('before');
    await ana.shows(/User 2 +before/);

    await first.stop();
    await ana.shows(/connection lost[\s\S]*reconnecting in \d s/);
    await ben.shows(/reconnecting in \d s/);
    ana.press('from ', KEYS.ctrlW, 'Ana', KEYS.enter);
    ben.say('from Ben');
    await ana.shows(/… +Ana[\s\S]*1 waiting/);
    await ben.shows(/… +from Ben/);

    await start();
    await ana.shows(/User 2 +from Ben/);
    await ana.shows(/✓✓ Ana[\s\S]*online/);
    await ben.shows(/User 1 +Ana/);
    await ben.shows(/✓✓ from Ben[\s\S]*online/);
    expect(ana.terminal.text()).not.toMatch(/waiting|resync/);
    for (const chat of [ana, ben]) {
      expect(chat.count(/ before$/gm)).toBe(1);
      expect(chat.count(/ Ana$/gm)).toBe(1);
      expect(chat.count(/ from Ben$/gm)).toBe(1);
    }
  });

  /** Starts the service, each time on the same port, database and broker. */
  async function restartable() {
    const database = await createTestDatabase();
    cleanups.push(() => database.drop());
    const nats = await startNats();
    cleanups.push(() => nats.stop());
    const port = await freePort();
    return async () => {
      const app = await startTestApp({
        databaseUrl: database.url,
        broker: nats.url as `nats://${string}`,
        env: { CHAT_KEY: MASTER.key, CHAT_IV: MASTER.iv, SERVER_ADDRESS: `127.0.0.1:${port}` },
      });
      cleanups.push(() => app.stop());
      return app;
    };
  }

  function open(url: string, me: number): TerminalChat {
    const chat = new TerminalChat(url, me, { room: 'lunch' });
    cleanups.push(() => chat.end());
    return chat;
  }
});
