import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { BrowserContextOptions } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import type { TestApp } from '../support/app.ts';
import { describeInBrowser, keepScreenshot } from '../support/browser.ts';
import { seedRoom, startDemoApp } from '../support/demo-app.ts';
import { type ChatPage, useWebPages } from '../support/web-page.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const LOOKS: readonly (readonly [name: string, options: BrowserContextOptions])[] = [
  ['light, desktop', { colorScheme: 'light' }],
  ['dark, desktop', { colorScheme: 'dark' }],
  ['light, phone', { colorScheme: 'light', viewport: { width: 390, height: 844 } }],
  ['dark, phone', { colorScheme: 'dark', viewport: { width: 390, height: 844 } }],
];

describeInBrowser('the web chat for everybody', () => {
  const pages = useWebPages();
  let app: TestApp;
  beforeAll(async () => {
    app = await startDemoApp();
  });
  afterAll(() => app.stop());

  test.each(LOOKS)('axe finds nothing serious: %s', async (name, options) => {
    const signIn = await pages.open(app.url, { ...options, bypassCSP: true });
    await signIn.getByRole('link', { name: 'Ana Torres' }).waitFor();
    expect(await seriousProblems(signIn)).toEqual([]);

    const ana = await pages.signIn(app.url, 1, { ...options, bypassCSP: true });
    await ana.room('Weekend hike').waitFor();
    expect(await seriousProblems(ana.page)).toEqual([]);
    await ana.openRoom('Weekend hike');
    await ana.message('17 is a rumour').waitFor();
    await ana.send(`@Ben Okafor see https://example.com (${name})`);
    await ana.button('Inspector').click();
    expect(await seriousProblems(ana.page)).toEqual([]);
    await ana.button('Close inspector').click();
    await ana.button('Room details').click();
    expect(await seriousProblems(ana.page)).toEqual([]);
    if (name === 'dark, desktop') await keepScreenshot(ana.page, 'dark');
    await ana.button('Close details').click();
    await ana.choose('17 is a rumour', 'Read by');
    await ana.dialog('Read by').getByText('Elena Petrova').waitFor();
    expect(await seriousProblems(ana.page)).toEqual([]);
    await ana.page.keyboard.press('Escape');
    await ana.message('17 is a rumour').locator('.bubble').click({ button: 'right' });
    await ana.pane.getByRole('menu').waitFor();
    expect(await seriousProblems(ana.page)).toEqual([]);
  });

  test('two users side by side are one page: one main part, and nothing serious in it', async () => {
    const page = await pages.open(`${app.url}/?as=1&with=2`, { bypassCSP: true });
    const conversations = page.getByRole('region', { name: /^Conversation/ });
    await expect.poll(() => conversations.count()).toBe(2);
    expect(await page.getByRole('main').count()).toBe(1);
    expect(await seriousProblems(page)).toEqual([]);
  });

  test('with colours of one’s own, switches and what is chosen can be seen', async () => {
    const ana = await pages.signIn(app.url, 1, { forcedColors: 'active' });
    await ana.openRoom('Weekend hike');
    await ana.message('17 is a rumour').waitFor();
    await keepScreenshot(ana.page, 'forced-colors');
    expect(await styleOf(ana, '.switch input', 'borderTopStyle')).toBe('solid');
    expect(await styleOf(ana, '.bubble', 'borderTopStyle')).toBe('solid');
    expect(await styleOf(ana, '.room-row.open .room', 'outlineStyle')).toBe('solid');
  });

  test('Escape closes what is at the side, and the focus goes back where it was', async () => {
    const ana = await pages.signIn(app.url, 1);
    await ana.openRoom('Weekend hike');
    for (const name of ['Room details', 'Inspector']) {
      await ana.button(name).focus();
      await press(ana, 'Enter');
      const part = ana.pane.getByRole('complementary', { name });
      await part.getByRole('button', { name: /^Close/ }).focus();
      await press(ana, 'Escape');
      await part.waitFor({ state: 'detached' });
      expect(await focused(ana)).toBe(name);
    }
  });

  test('the keyboard is enough', async () => {
    await seedRoom(app.url, {
      type: 'group',
      name: 'A room',
      members: [2, 1],
      lines: [{ from: 2, text: 'Keys?' }],
    });
    const ana = await pages.signIn(app.url, 1);
    await ana.room('A room').waitFor();
    await tabTo(ana, 'Search rooms');
    await press(ana, 'Tab', 'Tab', 'ArrowDown', 'ArrowUp', 'Enter');
    await ana.pane.getByRole('region', { name: 'Conversation: A room' }).waitFor();
    await expect.poll(() => focused(ana)).toBe('Message');

    await ana.message('Keys?').waitFor();
    await tabBackTo(ana, /^Ben Okafor/);
    await press(ana, 'Enter');
    await ana.pane.getByRole('menu', { name: 'Message actions' }).waitFor();
    await press(ana, 'Escape');
    await expect.poll(() => focused(ana)).toMatch(/^Ben Okafor/);
    await press(ana, 'Enter', 'ArrowDown', 'Enter');
    await ana.pane.getByRole('menu', { name: 'Reactions' }).waitFor();
    await press(ana, 'ArrowRight', 'Enter');
    await ana.message('Keys?').getByRole('button', { name: '❤️ by Ana Torres' }).waitFor();

    await tabBackTo(ana, /^Ben Okafor/);
    await press(ana, 'Enter', 'Enter');
    await ana.pane.getByText('Reply to Ben Okafor').waitFor();
    await expect.poll(() => focused(ana)).toBe('Message');
    await ana.page.keyboard.type('On the hook');
    await press(ana, 'Enter');
    await ana
      .message('On the hook')
      .getByRole('button', { name: /In reply to/ })
      .waitFor();

    await tabTo(ana, 'New room', 'Shift+Tab');
    await press(ana, 'Enter');
    await ana.dialog('New room').waitFor();
    await press(ana, 'Escape');
    await expect.poll(() => focused(ana)).toBe('New room');
  });
});

const report = z.array(
  z.object({ id: z.string(), impact: z.string().nullable(), nodes: z.array(z.string()) }),
);

/** Violations that keep somebody from using the page, with the elements. */
async function seriousProblems(page: ChatPage['page']): Promise<string[]> {
  await page.evaluate(AXE);
  const found = await page.evaluate(
    `axe.run().then(({ violations }) => violations.map(({ id, impact, nodes }) =>
       ({ id, impact, nodes: nodes.map(({ html, any }) => html.slice(0, 200) + ' ' + (any[0]?.message ?? '')) })))`,
  );
  return report
    .parse(found)
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.join('\n')}`);
}

/** The accessible name of what has the focus. */
async function focused({ page }: ChatPage): Promise<string> {
  return await page.evaluate<string>(
    `document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? ''`,
  );
}

async function styleOf({ page }: ChatPage, selector: string, property: string): Promise<string> {
  return await page.evaluate<string>(
    `getComputedStyle(document.querySelector(${JSON.stringify(selector)}))[${JSON.stringify(property)}]`,
  );
}

async function press({ page }: ChatPage, ...keys: readonly string[]): Promise<void> {
  for (const key of keys) await page.keyboard.press(key);
}

async function tabBackTo(chat: ChatPage, name: string | RegExp): Promise<void> {
  await tabTo(chat, name, 'Shift+Tab');
}

/** Presses Tab until that has the focus. */
async function tabTo(chat: ChatPage, name: string | RegExp, key = 'Tab'): Promise<void> {
  for (let stops = 0; stops < 40; stops += 1) {
    await press(chat, key);
    const at = await focused(chat);
    if (typeof name === 'string' ? at === name : name.test(at)) return;
  }
  throw new Error(`the Tab key does not stop at ${String(name)}`);
}
