import type { Browser, BrowserContext } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createRoomCiphers, type RoomCipher } from '../../src/client/client.ts';
import { chatClient, startTestApp, type TestApp } from '../support/app.ts';
import { describeInBrowser, startBrowser } from '../support/browser.ts';
import { scrape } from '../support/scrape.ts';
import { ModelPage } from './model-page.ts';

const KEY = 'ab'.repeat(32);
const IV = 'cd'.repeat(16);
const TABS = 3;

describeInBrowser('the tabs of a user', () => {
  let app: TestApp;
  let browser: Browser;
  let context: BrowserContext;
  let tabs: ModelPage[];
  let roomId: string;
  let cipher: RoomCipher;
  let ben: Awaited<ReturnType<typeof chatClient>>;

  beforeAll(async () => {
    app = await startTestApp({ embedded: true, env: { DEMO_DATA: 'true', CHAT_KEY: KEY, CHAT_IV: IV } });
    browser = await startBrowser();
    ben = await chatClient(app.url, { as: 2 });
  });
  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  beforeEach(async () => {
    const { room } = await ben.createRoom({ type: 'group', name: 'Tabs', participants: [1] });
    roomId = room?.id ?? '';
    cipher = await createRoomCiphers({ key: KEY, iv: IV }).open(room?.encryptionData ?? '');
    context = await browser.newContext({ bypassCSP: true });
    tabs = [];
    for (let one = 0; one < TABS; one += 1) tabs.push(await ModelPage.open(context, app.url, 1, roomId));
    await expect.poll(roles).toEqual(['online as holder', ...Array(TABS - 1).fill('online as listener')]);
    return async () => await context.close();
  });

  async function roles(): Promise<readonly string[]> {
    return await Promise.all(tabs.map((tab) => tab.connection()));
  }

  /** Of the service: nobody but user 1 has some. */
  async function openStreams(): Promise<number | undefined> {
    return (await scrape(app.url)).value('chat_active_connections');
  }

  async function benSays(...texts: readonly string[]): Promise<void> {
    for (const text of texts) await ben.sendMessage({ roomId, content: await cipher.encrypt(text) });
  }

  test('have one stream, and each shows every message once and in order', async () => {
    const said = numbers('said', 20);
    await benSays(...said);
    for (const tab of tabs) await expect.poll(() => tab.texts()).toEqual(said);
    expect(await openStreams()).toBe(1);
  });

  test('go on when the one that holds the stream is closed in the middle', async () => {
    const said = numbers('said', 40);
    const talk = benSays(...said);
    await expect.poll(async () => (await tabs[1]?.texts())?.length).toBeGreaterThan(5);
    await tabs.shift()?.page.close();
    await talk;
    for (const tab of tabs) await expect.poll(() => tab.texts()).toEqual(said);
    await expect
      .poll(async () => (await roles()).toSorted())
      .toEqual(['online as holder', 'online as listener']);
    await expect.poll(openStreams).toBe(1);
  });

  test('hand the stream over when its holder is switched off, which then catches up by its cursor', async () => {
    const [first, second, third] = tabs;
    if (first === undefined || second === undefined || third === undefined)
      throw new Error('there are no tabs');
    await benSays('before');
    await expect.poll(() => first.texts()).toEqual(['before']);
    await first.setOnline(false);
    await expect
      .poll(async () => (await roles()).toSorted())
      .toEqual(['online as holder', 'online as listener', 'switched-off as listener']);
    await benSays(...numbers('meanwhile', 5));
    await first.say('typed offline 1', 'typed offline 2');
    const missed = numbers('meanwhile', 5);
    await expect.poll(() => third.texts()).toEqual(['before', ...missed]);
    expect(await first.texts()).toEqual(['before', 'typed offline 1', 'typed offline 2']);
    await first.setOnline(true);
    const all = ['before', ...missed, 'typed offline 1', 'typed offline 2'];
    for (const tab of tabs) await expect.poll(() => tab.texts()).toEqual(all);
    expect(await roles()).toEqual(['online as holder', 'online as listener', 'online as listener']);
    await expect.poll(openStreams).toBe(1);
    // Nothing was read from the record: the cursor was enough. The others were told again what they know, and dropped it.
    const calls = (await first.frames()).slice(
      (await first.frames()).findIndex(({ name }) => name === 'switched on'),
    );
    expect(calls.filter(({ name }) => name === 'GetMessageHistory')).toEqual([]);
    await expect.poll(() => dropped(second)).toBeGreaterThanOrEqual(missed.length);
  });

  test('send what waits after the tab was loaded anew, once', async () => {
    const [first, second] = tabs;
    if (first === undefined || second === undefined) throw new Error('there are no tabs');
    await first.setOnline(false);
    await first.say('one', 'two', 'three');
    await expect.poll(() => first.ticks()).toEqual(['waiting', 'waiting', 'waiting']);
    await expect.poll(() => first.queued()).toBe(3);
    await first.reload(1, roomId);
    for (const tab of [first, second]) {
      await expect.poll(() => tab.texts()).toEqual(['one', 'two', 'three']);
      await expect.poll(() => tab.ticks()).toEqual(['sent', 'sent', 'sent']);
    }
    expect((await ben.getMessageHistory({ id: roomId, messagesPerRoom: 10 })).items).toHaveLength(3);
  });
});

/** Messages that a tab was told of again. */
async function dropped(tab: ModelPage): Promise<number> {
  return (await tab.frames()).filter(({ kind, name }) => kind === 'drop' && name === 'message').length;
}

function numbers(word: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${word} ${index + 1}`);
}
