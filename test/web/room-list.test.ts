import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestApp } from '../support/app.ts';
import { describeInBrowser } from '../support/browser.ts';
import { seedRoom, startDemoApp } from '../support/demo-app.ts';
import { type ChatPage, useWebPages } from '../support/web-page.ts';

describeInBrowser('the room list of the web chat', () => {
  const pages = useWebPages();
  let app: TestApp;
  beforeAll(async () => {
    app = await startDemoApp();
  });
  afterAll(() => app.stop());

  test('puts pinned rooms first, here and after a reload', async () => {
    const ana = await pages.signIn(app.url, 1);
    expect((await names(ana))[0]).not.toBe('Weekend hike');
    await ana.chooseForRoom('Weekend hike', 'Pin');
    await ana.room('Weekend hike').getByRole('img', { name: 'Pinned' }).waitFor();
    await expect.poll(async () => (await names(ana))[0]).toBe('Weekend hike');
    await ana.page.reload();
    await ana.room('Weekend hike').getByRole('img', { name: 'Pinned' }).waitFor();
    expect((await names(ana))[0]).toBe('Weekend hike');
    await ana.chooseForRoom('Weekend hike', 'Unpin');
    await expect.poll(async () => (await names(ana))[0]).not.toBe('Weekend hike');
  });

  test('marks muted rooms', async () => {
    const ana = await pages.signIn(app.url, 1);
    await ana.chooseForRoom('Kitchen', 'Mute');
    await ana.room('Kitchen').getByRole('img', { name: 'Muted' }).waitFor();
    await ana.chooseForRoom('Kitchen', 'Unmute');
    await ana.room('Kitchen').getByRole('img', { name: 'Muted' }).waitFor({ state: 'detached' });
  });

  test('moves a room up when something is said in it, and counts what is unread until it is opened', async () => {
    await seedRoom(app.url, { type: 'group', name: 'Busy', members: [2, 1] });
    const [ana, ben] = await Promise.all([pages.signIn(app.url, 1), pages.signIn(app.url, 2)]);
    await ben.openRoom('Busy');
    await ben.send('one');
    await ben.send('two');
    await ana.room('Busy').getByText('2 unread').waitFor();
    await ana.room('Busy').getByText('Ben: two').waitFor();
    expect((await names(ana))[0]).toBe('Busy');
    expect(await ana.page.title()).toMatch(/^\(\d+\) Ana Torres/);
    await ana.openRoom('Busy');
    await ana.room('Busy').getByText('unread').waitFor({ state: 'detached' });
    await ana.pane.getByText('New messages').waitFor();
    await ana.send('three');
    await ben.send('four');
    await ana.message('four').waitFor();
    expect(await ana.pane.getByText('New messages').count()).toBe(1);
  });

  test('shows the rooms that match the search', async () => {
    const ana = await pages.signIn(app.url, 1);
    await ana.room('Announcements').waitFor();
    await ana.pane.getByRole('searchbox', { name: 'Search rooms' }).fill('kitch');
    await expect.poll(() => names(ana)).toEqual(['Kitchen, third floor']);
    await ana.pane.getByRole('searchbox', { name: 'Search rooms' }).fill('nothing like it');
    await ana.pane.getByText('No room matches.').waitFor();
    await ana.pane.getByRole('searchbox', { name: 'Search rooms' }).fill('');
    await ana.room('Announcements').waitFor();
  });

  test('searches in the list only: what is unread elsewhere is in the title, and forwarding offers every room', async () => {
    const lines = [{ from: 2, text: 'Unread until it is forwarded' }];
    await seedRoom(app.url, { type: 'group', name: 'Needle', members: [2, 1], lines });
    const ana = await pages.signIn(app.url, 1);
    await ana.room('Needle').getByText('1 unread').waitFor();
    const title = await ana.page.title();
    expect(title).toMatch(/^\(\d+\) Ana Torres/);
    await ana.pane.getByRole('searchbox', { name: 'Search rooms' }).fill('nothing like it');
    await ana.pane.getByText('No room matches.').waitFor();
    expect(await ana.page.title()).toBe(title);
    await ana.pane.getByRole('searchbox', { name: 'Search rooms' }).fill('needle');
    await ana.openRoom('Needle');
    await ana.choose('Unread until', 'Forward');
    await ana.dialog('Forward to').getByRole('button', { name: 'Kitchen' }).waitFor();
  });

  test('says when something could not be done', async () => {
    const ana = await pages.signIn(app.url, 1);
    await ana.room('Kitchen').waitFor();
    await ana.setOffline(true);
    await ana.chooseForRoom('Kitchen', 'Pin');
    await ana.pane.getByRole('button', { name: 'Dismiss' }).click();
    await ana.pane.getByRole('button', { name: 'Dismiss' }).waitFor({ state: 'detached' });
    expect(await ana.room('Kitchen').getByRole('img', { name: 'Pinned' }).count()).toBe(0);
  });

  test('lets nobody write to whom they have blocked', async () => {
    await seedRoom(app.url, { type: 'p2p', name: '', members: [4, 5] });
    const david = await pages.signIn(app.url, 4);
    await david.openRoom('Elena Petrova');
    await david.chooseForRoom('Elena Petrova', 'Block');
    await david.pane.getByText('You have blocked Elena Petrova. Unblock to write.').waitFor();
    await david.chooseForRoom('Elena Petrova', 'Unblock');
    await david.send('Friends again');
  });
});

async function names(chat: ChatPage): Promise<string[]> {
  return await chat.pane.locator('.room-name').allTextContents();
}
