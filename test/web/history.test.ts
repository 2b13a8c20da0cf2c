import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestApp } from '../support/app.ts';
import { describeInBrowser } from '../support/browser.ts';
import { seedRoom, startDemoApp } from '../support/demo-app.ts';
import { type ChatPage, useWebPages } from '../support/web-page.ts';

const LINES = Array.from({ length: 160 }, (_, index) => `line ${index + 1} of many`);

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
  afterAll(() => app.stop());

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
});

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
