import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestApp } from '../support/app.ts';
import { describeInBrowser, keepScreenshot } from '../support/browser.ts';
import { seedRoom, startDemoApp } from '../support/demo-app.ts';
import { type ChatPage, useWebPages } from '../support/web-page.ts';

describeInBrowser('messages in the web chat', () => {
  const pages = useWebPages();
  let app: TestApp;
  beforeAll(async () => {
    app = await startDemoApp();
  });
  afterAll(() => app.stop());

  /** A group of its own with Ana in one browser and Ben in another. */
  async function anaAndBen(
    name: string,
    lines: readonly string[] = [],
  ): Promise<[ana: ChatPage, ben: ChatPage]> {
    await seedRoom(app.url, {
      type: 'group',
      name,
      members: [1, 2, 3],
      lines: lines.map((text) => ({ from: 2, text })),
    });
    const [ana, ben] = await Promise.all([pages.signIn(app.url, 1), pages.signIn(app.url, 2)]);
    await Promise.all([ana.openRoom(name), ben.openRoom(name)]);
    return [ana, ben];
  }

  test('go both ways, in order, and are encrypted on the wire', async () => {
    const bodies: string[] = [];
    const [ana, ben] = await anaAndBen('Both ways');
    ana.page.on('request', (request) => bodies.push(request.postData() ?? ''));
    await ana.send('Are you there?');
    await ben.message('Are you there?').waitFor();
    await ben.send('I am');
    await ben.send('and so is the cat');
    await ana.message('and so is the cat').waitFor();
    const said = ['Are you there?', 'I am', 'and so is the cat'];
    expect(await ana.texts()).toEqual(said);
    expect(await ben.texts()).toEqual(said);
    expect(bodies.join()).not.toContain('Are you there?');
  });

  test('show who is typing while somebody types', async () => {
    const [ana, ben] = await anaAndBen('Typing');
    await ana.field.pressSequentially('Hmm');
    await ben.pane.getByText('Ana Torres is typing').waitFor();
    await ben.room('Typing').getByText('typing…').waitFor();
    await ana.field.press('Enter');
    await ben.message('Hmm').waitFor();
    await ben.pane.getByText('Ana Torres is typing').waitFor({ state: 'detached' });
  });

  test('get a second tick when they are read, and tell by whom', async () => {
    await seedRoom(app.url, { type: 'group', name: 'Ticks', members: [1, 2] });
    const [ana, ben] = await Promise.all([pages.signIn(app.url, 1), pages.signIn(app.url, 2)]);
    await ana.openRoom('Ticks');
    await ana.send('Read me');
    await ana.message('Read me').getByRole('img', { name: 'Sent' }).waitFor();
    await ben.openRoom('Ticks');
    await ana.message('Read me').getByRole('img', { name: 'Read' }).waitFor();
    await ana.choose('Read me', 'Read by');
    await ana.dialog('Read by').getByText('Ben Okafor').waitFor();
    await ana.page.keyboard.press('Escape');
    await ana.dialog('Read by').waitFor({ state: 'detached' });
  });

  test('are answered, and the quote leads to what it quotes', async () => {
    const [ana, ben] = await anaAndBen('Replies', [
      'Tea or coffee?',
      ...Array.from({ length: 30 }, (_, n) => `line ${n}`),
    ]);
    await ana.choose('Tea or coffee?', 'Reply');
    await ana.pane.getByText('Reply to Ben Okafor').waitFor();
    await ana.send('Tea!');
    const quote = ben.message('Tea!').getByRole('button', { name: /In reply to.*Tea or coffee/ });
    await quote.click();
    await expect.poll(() => isInView(ben, 'Tea or coffee?')).toBe(true);
    // Escape takes a reply back.
    await ana.choose('Tea!', 'Reply');
    await ana.field.press('Escape');
    await ana.pane.getByText('Reply to yourself').waitFor({ state: 'detached' });
  });

  test('are forwarded to another room', async () => {
    const [ana] = await anaAndBen('From here', ['Worth sharing']);
    await seedRoom(app.url, { type: 'group', name: 'To there', members: [1, 3] });
    await ana.room('To there').waitFor();
    await ana.choose('Worth sharing', 'Forward');
    await ana.dialog('Forward to').getByRole('button', { name: 'To there' }).click();
    await ana.pane.getByRole('region', { name: 'Conversation: To there' }).waitFor();
    await ana.message('Worth sharing').getByText('Forwarded from Ben Okafor').waitFor();
  });

  test('are edited, by the menu and by the arrow key, and deleted', async () => {
    const [ana, ben] = await anaAndBen('Second thoughts');
    await ana.send('Seven o’clock');
    await ana.choose('Seven o’clock', 'Edit');
    await expect.poll(() => ana.field.inputValue()).toBe('Seven o’clock');
    await ana.field.fill('Eight o’clock');
    await ana.field.press('Enter');
    await ben.message('Eight o’clock').getByText('edited').waitFor();
    await ana.field.press('ArrowUp');
    await ana.pane.getByText('Edit message').waitFor();
    await expect.poll(() => ana.field.inputValue()).toBe('Eight o’clock');
    await ana.field.press('Escape');
    await expect.poll(() => ana.field.inputValue()).toBe('');
    await ana.choose('Eight o’clock', 'Delete');
    await ana.dialog('Delete this message?').getByRole('button', { name: 'Delete' }).click();
    await ben.message('Message deleted').waitFor();
    expect(await ben.message('Eight o’clock').count()).toBe(0);
  });

  test('are reacted to, and the reaction is taken back by a second click', async () => {
    const [ana, ben] = await anaAndBen('Reactions', ['We won']);
    await ana.message('We won').hover();
    await ana.message('We won').getByRole('button', { name: 'React' }).click();
    await ana.pane.getByRole('menuitem', { name: 'Celebrate' }).click();
    const chip = ben.message('We won').getByRole('button', { name: '🎉 by Ana Torres' });
    await chip.click();
    const mine = ana.message('We won').getByRole('button', { name: /🎉 by .*Ben Okafor/ });
    await mine.waitFor();
    await mine.click();
    await ben
      .message('We won')
      .getByRole('button', { name: /🎉 by (?!.*Ana)/ })
      .waitFor();
  });

  test('mention members whose names are offered while one types', async () => {
    const [ana, ben] = await anaAndBen('Mentions');
    await ana.field.pressSequentially('Ask @oka');
    await ana.pane.getByRole('option', { name: 'Ben Okafor' }).waitFor();
    await ana.field.press('Enter');
    await ana.field.pressSequentially('about it');
    await ana.field.press('Enter');
    await ben.message('Ask').locator('mark', { hasText: '@Ben Okafor' }).waitFor();
    expect(await ben.texts()).toEqual(['Ask @Ben Okafor about it']);
  });

  test('mention names with whatever is in them, and the longer of two that begin alike', async () => {
    const mentions = ['@Ana', '@Ana-Lena (C++)'].map((tag, index) => ({ tag, user: String(index + 1) }));
    const lines = [{ from: 2, text: 'Hello @Ana-Lena (C++) and @Ana!', mentions }];
    await seedRoom(app.url, { type: 'group', name: 'Odd names', members: [2, 1], lines });
    const ana = await pages.signIn(app.url, 1);
    await ana.openRoom('Odd names');
    const marks = ana.message('Hello').locator('mark');
    await expect.poll(() => marks.allTextContents()).toEqual(['@Ana-Lena (C++)', '@Ana']);
  });

  test('take several lines, and nothing in them becomes HTML', async () => {
    const [ana, ben] = await anaAndBen('Lines');
    await ana.field.pressSequentially('<b>one</b>');
    await ana.field.press('Shift+Enter');
    await ana.field.pressSequentially('https://example.com/two.');
    await ana.field.press('Enter');
    const link = ben.message('one').getByRole('link', { name: 'https://example.com/two', exact: true });
    await link.waitFor();
    expect(await ben.texts()).toEqual(['<b>one</b>\nhttps://example.com/two.']);
    await keepScreenshot(ben.page, 'desktop-conversation');
  });
});

async function isInView(chat: ChatPage, text: string): Promise<boolean> {
  const message = await chat.message(text).first().boundingBox();
  const list = await chat.pane.locator('.messages').boundingBox();
  return (
    message !== null &&
    list !== null &&
    message.y >= list.y &&
    message.y + message.height <= list.y + list.height
  );
}
