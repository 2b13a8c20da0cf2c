import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { keepScreenshot, startBrowser } from './browser.ts';

const TIMEOUT_MS = 20_000;
const DESKTOP = { width: 1_280, height: 800 };
/** What a browser says of its own accord while a service is away, and when a switch cuts the network. */
const NETWORK_NOISE = /Failed to load resource|net::ERR_/;

/** One user's chat in the browser, in words of what that user sees and does. */
export interface ChatPage {
  readonly page: Page;
  /** The half of the page that belongs to the user. */
  readonly pane: Locator;
  /** Of the room list. */
  room(name: string): Locator;
  openRoom(name: string): Promise<void>;
  readonly field: Locator;
  /** Types it and presses Enter. */
  send(text: string): Promise<void>;
  /** The message that has this text. */
  message(text: string): Locator;
  /** What happened to the open room, among its messages. */
  event(text: string): Locator;
  /** The texts of the open conversation, oldest first. */
  texts(): Promise<string[]>;
  /** Chooses from the menu of a message. */
  choose(text: string, item: string): Promise<void>;
  /** Chooses from the menu of a room. */
  chooseForRoom(name: string, item: string): Promise<void>;
  button(name: string): Locator;
  dialog(name: string): Locator;
  /** The offline switch. */
  setOffline(isOffline: boolean): Promise<void>;
}

/** Opens pages in one browser for all tests of a file. */
export interface WebPages {
  /** A page in a context of its own, as another person's browser. */
  open(url: string, options?: BrowserContextOptions): Promise<Page>;
  /** The chat of a demo user, loaded and connected. */
  signIn(url: string, userId: number, options?: BrowserContextOptions): Promise<ChatPage>;
}

/** A browser for the tests of the file that calls it; contexts end with each test, which fails when the console had errors. */
export function useWebPages(): WebPages {
  let browser: Browser | undefined;
  const problems: string[] = [];
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterEach(async ({ task }) => {
    const open = browser?.contexts().flatMap((context) => context.pages()) ?? [];
    if (task.result?.state === 'fail') await keepFailed(open, task.name);
    await Promise.all(browser?.contexts().map((context) => context.close()) ?? []);
    expect(problems.splice(0)).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
  });
  const open = async (url: string, options: BrowserContextOptions = {}): Promise<Page> => {
    if (browser === undefined) throw new Error('the browser has not started');
    const context = await browser.newContext({ viewport: DESKTOP, reducedMotion: 'reduce', ...options });
    context.setDefaultTimeout(TIMEOUT_MS);
    const page = await context.newPage();
    watch(page, problems);
    await page.goto(url);
    return page;
  };
  return {
    open,
    async signIn(url, userId, options) {
      const page = await open(`${url}/?as=${userId}`, options);
      const pane = page.getByRole('region', { name: /^Chat of / });
      await pane.getByText('Online', { exact: true }).waitFor();
      return chatIn(page, pane);
    },
  };
}

/** What every page showed when the test failed. */
async function keepFailed(open: readonly Page[], test: string): Promise<void> {
  const name = test.replaceAll(/\W+/g, '-').slice(0, 60);
  for (const [index, page] of open.entries()) await keepScreenshot(page, `failed-${name}-${index + 1}`);
}

function watch(page: Page, problems: string[]): void {
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => {
    const isProblem = message.type() === 'error' || message.type() === 'warning';
    if (isProblem && !NETWORK_NOISE.test(message.text())) problems.push(message.text());
  });
}

/** The chat that a part of a page shows. */
export function chatIn(page: Page, pane: Locator): ChatPage {
  const field = pane.getByRole('textbox', { name: 'Message', exact: true });
  const message = (text: string): Locator => pane.getByRole('article').filter({ hasText: text });
  const room = (name: string): Locator =>
    pane.getByRole('navigation', { name: 'Rooms' }).getByRole('button', { name: new RegExp(`^${name}`) });
  const menuItem = (item: string): Locator => pane.getByRole('menuitem', { name: item, exact: true });
  return {
    page,
    pane,
    room,
    field,
    message,
    async openRoom(name) {
      await room(name).click();
      await pane.getByRole('region', { name: `Conversation: ${name}` }).waitFor();
    },
    async send(text) {
      await field.fill(text);
      await field.press('Enter');
      await message(text).waitFor();
    },
    event: (text) => pane.getByRole('log').getByText(text, { exact: true }),
    texts: async () => await pane.getByRole('article').locator('.text').allTextContents(),
    async choose(text, item) {
      await message(text).locator('.bubble').click({ button: 'right' });
      await menuItem(item).click();
    },
    async chooseForRoom(name, item) {
      await room(name).click({ button: 'right' });
      await menuItem(item).click();
    },
    button: (name) => pane.getByRole('button', { name, exact: true }),
    dialog: (name) => page.getByRole('dialog', { name }),
    async setOffline(isOffline) {
      await pane.getByRole('switch', { name: 'Offline' }).setChecked(isOffline);
    },
  };
}
