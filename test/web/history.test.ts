import { afterAll, beforeAll, expect, test } from 'vitest';
import { chatClient, type TestApp } from '../support/app.ts';
import { describeInBrowser } from '../support/browser.ts';
import { seedRoom, startDemoApp } from '../support/demo-app.ts';
import { type ChatPage, useWebPages } from '../support/web-page.ts';

const LINES = Array.from({ length: 160 }, (_, index) => `line ${index + 1} of many`);
/** So many messages are on the page at a time. */
const MAX_SHOWN = 200;
const BOOK = Array.from({ length: 2 * MAX_SHOWN + 60 }, (_, index) => `verse ${index + 1}.`);

describeInBrowser('the history of a room in the web chat', () => {
  const pages = useWebPages();
  let app: TestApp;
  beforeAll(async () => {
    app = await startDemoApp();
    await seedRoom(app.url, {
      type: 'group',
      name: 'Long',
      members: [1, 2],
      lines: LINES.map((text) => ({ from: 1, text })),
    });
  });
  beforeAll(async () => {
    const lines = BOOK.map((text) => ({ from: 1, text }));
    await seedRoom(app.url, { type: 'group', name: 'Book', members: [1, 2], lines });
  });
  afterAll(() => app.stop());

  test('keeps up when a thousand messages come at once', async () => {
    const roomId = await seedRoom(app.url, { type: 'group', name: 'Flood', members: [1, 2] });
    const [ana, ben] = await Promise.all([pages.signIn(app.url, 1), pages.signIn(app.url, 2)]);
    await Promise.all([ana.openRoom('Flood'), ben.openRoom('Flood')]);
    const call = await chatClient(app.url, { as: 1 });
    for (let round = 0; round < 30; round += 1) {
      await Promise.all(Array.from({ length: 50 }, () => call.sendMessage({ roomId, content: 'aGVsbG8=' })));
    }
    const { items } = await call.getMessageHistory({ id: roomId, messagesPerRoom: 1 });
    const newest = `[data-key="${items[0]?.id}"]`;
    await Promise.all([ana, ben].map(({ page }) => page.locator(newest).waitFor({ timeout: 60_000 })));
  });

  test('loads while one scrolls up, without gaps, and nothing moves meanwhile', async () => {
    const ana = await pages.signIn(app.url, 1);
    await ana.openRoom('Long');
    await ana.message('line 160 of many').waitFor();
    let texts = await ana.texts();
    expect(texts.length).toBeLessThan(120);
    while (texts.length < LINES.length) {
      const [first = ''] = texts;
      const letGo = await holdHistory(ana);
      await ana.message(first).scrollIntoViewIfNeeded();
      const before = await ana.message(first).boundingBox();
      await letGo();
      await expect.poll(async () => (await ana.texts())[0]).not.toBe(first);
      expect((await ana.message(first).boundingBox())?.y).toBeCloseTo(before?.y ?? 0, 0);
      texts = await ana.texts();
    }
    expect(texts).toEqual(LINES);
    await ana.pane.getByText('The beginning of this conversation.').waitFor();
  });

  test('stays where the reader is when something new comes, and counts it', async () => {
    const [ana, ben] = await Promise.all([pages.signIn(app.url, 1), pages.signIn(app.url, 2)]);
    await Promise.all([ana.openRoom('Long'), ben.openRoom('Long')]);
    await ana.message('line 160 of many').waitFor();
    await ana.message('line 140 of many').scrollIntoViewIfNeeded();
    await ana.button('Jump to the newest').waitFor();
    const before = await ana.message('line 140 of many').boundingBox();
    await ben.send('something new');
    await ana.button('Jump to the newest, 1 new').waitFor();
    expect((await ana.message('line 140 of many').boundingBox())?.y).toBeCloseTo(before?.y ?? 0, 0);
    await ana.button('Jump to the newest, 1 new').click();
    await expect.poll(() => ana.pane.getByRole('button', { name: /^Jump to the newest/ }).count()).toBe(0);
    expect((await ana.message('something new').boundingBox())?.y).toBeLessThan(800);
  });

  test('is on the page only in part, which moves with the reader up and down without a gap', async () => {
    const [ana, ben] = await Promise.all([pages.signIn(app.url, 1), pages.signIn(app.url, 2)]);
    await Promise.all([ana.openRoom('Book'), ben.openRoom('Book')]);
    await ana.message(BOOK.at(-1) ?? '').waitFor();
    await readThrough(ana, 0, BOOK[0] ?? '');
    expect(await ana.message(BOOK.at(-1) ?? '').count()).toBe(0);
    // What comes now is further down than the page goes.
    const [first] = await ana.texts();
    await ben.send('the end.');
    await ana.button('Jump to the newest, 1 new').waitFor();
    expect((await ana.texts())[0]).toBe(first);
    await readThrough(ana, -1, 'the end.');
    await ana.message(BOOK[BOOK.length - 80] ?? '').scrollIntoViewIfNeeded();
    await ana.send('Amen.');
    expect((await ana.texts()).at(-1)).toBe('Amen.');
    await ana.choose('Amen.', 'Reply');
    await ana.send('So be it.');
  });

  test('that could not be loaded is loaded when the connection is back', async () => {
    const ana = await pages.signIn(app.url, 1);
    await ana.openRoom('Book');
    await ana.message(BOOK.at(-1) ?? '').waitFor();
    await ana.setOffline(true);
    const [first = ''] = await ana.texts();
    await ana.message(first).scrollIntoViewIfNeeded();
    await ana.pane.getByText('There is no connection to the service').waitFor();
    await ana.setOffline(false);
    await expect.poll(async () => (await ana.texts())[0]).not.toBe(first);
  });
});

/** Scrolls to what is at that end of the page, again and again, until it is that text; it stays where it is while the page moves. */
async function readThrough(chat: ChatPage, end: 0 | -1, text: string): Promise<void> {
  for (let texts = await chat.texts(); texts.at(end) !== text; ) {
    const from = texts.at(end) ?? '';
    await chat.message(from).scrollIntoViewIfNeeded();
    await expect.poll(async () => (await chat.texts()).at(end)).not.toBe(from);
    texts = await chat.texts();
    expect(texts.length).toBeLessThanOrEqual(MAX_SHOWN);
    const verses = texts.filter((one) => BOOK.includes(one));
    expect(verses).toEqual(BOOK.slice(BOOK.indexOf(verses[0] ?? '')).slice(0, verses.length));
    await expect.poll(() => isInWindow(chat, from)).toBe(true);
  }
}

async function isInWindow(chat: ChatPage, text: string): Promise<boolean> {
  const box = await chat.message(text).first().boundingBox();
  return box !== null && box.y > 0 && box.y < 800;
}

/** Keeps the next pages of the history back until the returned function is called. */
async function holdHistory({ page }: ChatPage): Promise<() => Promise<void>> {
  const { promise, resolve } = Promise.withResolvers<void>();
  await page.route('**/GetMessageHistory', async (route) => {
    await promise;
    await route.continue();
  });
  return async () => {
    resolve();
    await page.unrouteAll({ behavior: 'wait' });
  };
}
