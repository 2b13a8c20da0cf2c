import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeInBrowser, keepScreenshot } from '../support/browser.ts';
import { seedRoom } from '../support/demo-app.ts';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts';
import { type ChatPage, useWebPages } from '../support/web-page.ts';

describeInBrowser('the web chat while the service is out of reach', () => {
  const pages = useWebPages();
  const folder = mkdtempSync(join(tmpdir(), 'web-chat-'));
  let service: ServiceProcess;
  beforeAll(async () => {
    service = await startServiceProcess({ DATA_DIR: folder });
  });
  afterAll(async () => {
    await service.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  async function anaAndBenIn(name: string): Promise<[ana: ChatPage, ben: ChatPage]> {
    await seedRoom(service.url, { type: 'group', name, members: [1, 2] });
    const [ana, ben] = await Promise.all([pages.signIn(service.url, 1), pages.signIn(service.url, 2)]);
    await Promise.all([ana.openRoom(name), ben.openRoom(name)]);
    return [ana, ben];
  }

  test('the offline switch holds back what both say; later it is there once and in order, resumed by cursor', async () => {
    const [ana, ben] = await anaAndBenIn('Switch');
    await ben.send('before');
    await ana.message('before').waitFor();
    await ana.button('Inspector').click();
    await ana.setOffline(true);
    await ana.pane.getByText('Offline by the switch').waitFor();
    for (const text of ['ben 1', 'ben 2', 'ben 3']) await ben.send(text);
    for (const text of ['ana 1', 'ana 2', 'ana 3']) await ana.send(text);
    await ana.pane.getByText('3 waiting').waitFor();
    expect(await ana.message('ana 3').getByRole('img', { name: 'Waiting to be sent' }).count()).toBe(1);
    expect(await ana.texts()).toEqual(['before', 'ana 1', 'ana 2', 'ana 3']);
    await keepScreenshot(ana.page, 'inspector-offline');

    await ana.setOffline(false);
    const said = ['before', 'ben 1', 'ben 2', 'ben 3', 'ana 1', 'ana 2', 'ana 3'];
    await expect.poll(() => ana.texts()).toEqual(said);
    await expect.poll(() => ben.texts()).toEqual(said);
    await ana.message('ana 3').getByRole('img', { name: 'Read' }).waitFor();
    const resumedAt = (await cursors(ana, 'resumeAt')).at(-1) ?? 'nowhere';
    expect(await cursors(ana, 'cursor')).toContain(resumedAt);
    await keepScreenshot(ana.page, 'inspector-resumed');
  });

  test('a message that waits can be taken back', async () => {
    const [ana, ben] = await anaAndBenIn('Taken back');
    await ana.setOffline(true);
    await ana.send('regret');
    await ana.send('no regret');
    await ana.message('regret').first().locator('.bubble').click({ button: 'right' });
    await ana.pane.getByRole('menuitem', { name: 'Discard' }).click();
    await ana.setOffline(false);
    await ben.message('no regret').waitFor();
    expect(await ben.texts()).toEqual(['no regret']);
    expect(await ana.texts()).toEqual(['no regret']);
  });

  test('a message that is refused later says so, and can be sent again', async () => {
    const [ana, ben] = await anaAndBenIn('Refused');
    await ana.button('Room details').click();
    await ben.setOffline(true);
    await ben.send('am I allowed to?');
    await ana.pane.getByRole('switch', { name: 'Members may write' }).uncheck();
    await ben.setOffline(false);
    const failed = ben.message('am I allowed to?').getByRole('alert');
    await failed.waitFor();
    await ben.pane.getByText('Only owners and admins write in this group.').waitFor();
    await ana.pane.getByRole('switch', { name: 'Members may write' }).check();
    await ben.field.waitFor();
    await failed.getByRole('button', { name: 'Try again' }).click();
    await ana.message('am I allowed to?').waitFor();
    expect(await ana.texts()).toEqual(['am I allowed to?']);
  });

  test('the service is killed in the middle and comes back: nothing is lost, nothing is there twice', async () => {
    const [ana, ben] = await anaAndBenIn('Killed');
    await ana.send('a 1');
    await ben.message('a 1').waitFor();
    await service.kill();
    await ana.pane.getByText(/^Reconnecting/).waitFor();
    for (const text of ['a 2', 'a 3', 'a 4']) await ana.send(text);
    await ben.send('b 1');
    await service.start();
    await Promise.all([ana, ben].map(({ pane }) => pane.getByText('Online', { exact: true }).waitFor()));
    await ana.send('a 5');
    await ben.message('a 5').waitFor();
    await ana.message('b 1').waitFor();
    const said = ['a 1', 'a 2', 'a 3', 'a 4', 'a 5'];
    await expect.poll(async () => (await ben.texts()).filter((text) => text.startsWith('a'))).toEqual(said);
    expect(await ana.texts()).toEqual(await ben.texts());
    expect((await ana.texts()).filter((text) => text === 'b 1')).toEqual(['b 1']);
    await ana.page.reload();
    await ana.openRoom('Killed');
    await expect.poll(() => ana.texts()).toEqual(await ben.texts());
  });

  test('what was said before a restart that forgets the events is read, counted and ticked from the record', async () => {
    const [ana, ben] = await anaAndBenIn('Open');
    await seedRoom(service.url, { type: 'group', name: 'Closed', members: [1, 2] });
    await ana.room('Closed').waitFor();
    await ana.button('Inspector').click();
    await ana.setOffline(true);
    await service.kill();
    await service.start();
    await ben.pane.getByText('Online', { exact: true }).waitFor();
    for (const text of ['one', 'two', 'three']) await ben.send(text);
    await ben.message('three').getByRole('img', { name: 'Sent' }).waitFor();
    await ben.openRoom('Closed');
    for (const text of ['four', 'five']) await ben.send(text);
    await ben.message('five').getByRole('img', { name: 'Sent' }).waitFor();
    await ana.setOffline(false);

    await expect.poll(() => ana.texts()).toEqual(['one', 'two', 'three']);
    await ana.room('Closed').getByText('2 unread').waitFor();
    await ana.room('Open').getByText('unread').waitFor({ state: 'detached' });
    expect(await ben.message('five').getByRole('img', { name: 'Sent' }).count()).toBe(1);
    await ben.openRoom('Open');
    await ben.message('three').getByRole('img', { name: 'Read' }).waitFor();
    await ana.page.reload();
    await ana.room('Closed').getByText('2 unread').waitFor();
    expect(await ana.room('Open').getByText('unread').count()).toBe(0);
  });

  test('a room that is opened meanwhile says that it can’t be loaded, and is there when the service is', async () => {
    await seedRoom(service.url, {
      ...{ type: 'group', name: 'Not yet', members: [2, 1] },
      lines: [{ from: 2, text: 'there was something' }],
    });
    const ana = await pages.signIn(service.url, 1);
    await ana.room('Not yet').waitFor();
    await ana.setOffline(true);
    await ana.openRoom('Not yet');
    await ana.pane.getByText('The messages can’t be loaded at the moment.').waitFor();
    expect(await ana.pane.getByText('No messages yet').count()).toBe(0);
    await ana.setOffline(false);
    await ana.message('there was something').waitFor();
    await ana.room('Not yet').getByText('unread').waitFor({ state: 'detached' });
  });
});

/** What the inspector shows under that name, oldest first. */
async function cursors({ pane }: ChatPage, name: string): Promise<string[]> {
  const facts = pane.getByRole('complementary', { name: 'Inspector' }).getByTitle(new RegExp(`^${name} `));
  return (await facts.allTextContents()).map((text) => text.slice(name.length).trim());
}
