import { fileURLToPath } from 'node:url';
import type { BrowserContext, Page } from 'playwright-core';
import { build } from 'vite';
import type { ChatModel, Frame, Sessions } from '../../src/web/model/model.ts';

declare global {
  /** In the page: the chat of the user who is signed in. */
  var chat: ChatModel;
  /** In the page: what was built from `session.ts`. */
  var webModel: { readonly sessions: Sessions };
}

const ENTRY = fileURLToPath(new URL('../../src/web/model/session.ts', import.meta.url));
let script: Promise<string> | undefined;

/** A page with a signed-in user's chat and nothing that shows it. Its context must bypass the content security policy. */
export class ModelPage {
  readonly page: Page;

  private constructor(page: Page) {
    this.page = page;
  }

  /** Opens one in the browser context, signed in as a demo user and with that room open. */
  static async open(context: BrowserContext, url: string, user: number, roomId: string): Promise<ModelPage> {
    const page = await context.newPage();
    const blank = { contentType: 'text/html', body: '<!doctype html>' };
    await page.route('**/blank', async (route) => await route.fulfill(blank));
    await page.goto(`${url}/blank`);
    const opened = new ModelPage(page);
    await opened.signIn(user, roomId);
    return opened;
  }

  /** Shows the page anew. */
  async reload(user: number, roomId: string): Promise<void> {
    await this.page.reload();
    await this.signIn(user, roomId);
  }

  async signIn(user: number, roomId: string): Promise<void> {
    script ??= bundle();
    await this.page.addScriptTag({ content: await script });
    await this.page.evaluate(
      async ([who, room]) => {
        globalThis.chat = await globalThis.webModel.sessions.signIn(who);
        await globalThis.chat.open(room);
      },
      [user, roomId] as const,
    );
  }

  /** What the open room shows. */
  async texts(): Promise<readonly (string | undefined)[]> {
    return await this.page.evaluate(
      () => globalThis.chat.conversation.value?.messages.map(({ text }) => text) ?? [],
    );
  }

  async ticks(): Promise<readonly (string | undefined)[]> {
    return await this.page.evaluate(
      () => globalThis.chat.conversation.value?.messages.map(({ tick }) => tick) ?? [],
    );
  }

  /** `online as holder`, `switched-off as listener` … */
  async connection(): Promise<string> {
    return await this.page.evaluate(() => {
      const { state, role } = globalThis.chat.connection.value;
      return `${state} as ${role === 'holds the stream' ? 'holder' : 'listener'}`;
    });
  }

  async say(...texts: readonly string[]): Promise<void> {
    await this.page.evaluate((all) => {
      for (const text of all) globalThis.chat.send(text);
    }, texts);
  }

  /** Messages that would survive the end of the page. */
  async queued(): Promise<number> {
    return await this.page.evaluate(() => {
      const { me } = globalThis.chat;
      return JSON.parse(globalThis.sessionStorage.getItem(`chat.queue.${me.id}`) ?? '[]').length;
    });
  }

  async setOnline(online: boolean): Promise<void> {
    await this.page.evaluate((on) => globalThis.chat.setOnline(on), online);
  }

  async frames(): Promise<readonly Frame[]> {
    return await this.page.evaluate(() => globalThis.chat.frames.value);
  }
}

async function bundle(): Promise<string> {
  const lib = { entry: ENTRY, formats: ['iife' as const], name: 'webModel' };
  const built = await build({
    configFile: false,
    logLevel: 'error',
    build: { write: false, target: 'es2023', lib },
  });
  const [first] = Array.isArray(built) ? built : [built];
  if (first === undefined || !('output' in first)) throw new Error('nothing was built');
  return first.output[0].code;
}
