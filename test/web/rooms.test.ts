import type { Locator } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chatClient, type TestApp, usersClient } from '../support/app.ts';
import { describeInBrowser, keepScreenshot } from '../support/browser.ts';
import { seedRoom, startDemoApp } from '../support/demo-app.ts';
import { type ChatPage, useWebPages } from '../support/web-page.ts';

describeInBrowser('rooms in the web chat', () => {
  const pages = useWebPages();
  let app: TestApp;
  beforeAll(async () => {
    app = await startDemoApp();
  });
  afterAll(() => app.stop());

  test('a group is made in the dialog, and its members have it at once', async () => {
    const [ana, ben] = await Promise.all([pages.signIn(app.url, 1), pages.signIn(app.url, 2)]);
    await ana.button('New room').click();
    const dialog = ana.dialog('New room');
    await dialog.getByRole('button', { name: 'Group', exact: true }).click();
    await dialog.getByLabel('Name').fill('Book club');
    await dialog.getByLabel('Description').fill('One chapter a week');
    await dialog.getByLabel('Search people').fill('ok');
    await dialog.getByRole('checkbox', { name: 'Ben Okafor' }).check();
    await dialog.getByLabel('Search people').fill('');
    await dialog.getByRole('checkbox', { name: 'Elena Petrova' }).check();
    await dialog.getByRole('button', { name: 'Create group' }).click();
    await ana.pane.getByRole('region', { name: 'Conversation: Book club' }).waitFor();
    await ana.send('Welcome');
    await ben.openRoom('Book club');
    await ben.message('Welcome').waitFor();
    await openDetails(ben);
    await ben.pane.getByText('One chapter a week').waitFor();
    await ben.pane.getByRole('heading', { name: '3 members' }).waitFor();
  });

  test('a person is written to, and it is the same room the next time', async () => {
    const ana = await pages.signIn(app.url, 1);
    for (const text of ['Hello Grace', 'Once more']) {
      await ana.button('New room').click();
      await ana.dialog('New room').getByRole('button', { name: 'Grace Kim' }).click();
      await ana.dialog('New room').waitFor({ state: 'detached' });
      await ana.pane.getByRole('region', { name: 'Conversation: Grace Kim' }).waitFor();
      await ana.send(text);
    }
    expect(await ana.texts()).toEqual(['Hello Grace', 'Once more']);
  });

  test('members are added, made admin and removed, and everybody sees it', async () => {
    await seedRoom(app.url, { type: 'group', name: 'Crew', members: [1, 2] });
    const [ana, ben, carla] = await Promise.all([1, 2, 3].map((user) => pages.signIn(app.url, user)));
    if (ana === undefined || ben === undefined || carla === undefined) throw new Error('three are signed in');
    await Promise.all([ana.openRoom('Crew'), ben.openRoom('Crew')]);
    await openDetails(ana);
    await ana.button('Add').click();
    await ana.dialog('Add members').getByRole('checkbox', { name: 'Carla Rossi' }).check();
    await ana.dialog('Add members').getByRole('button', { name: 'Add 1' }).click();
    await carla.openRoom('Crew');
    await ben.event('Ana Torres added Carla Rossi').waitFor();

    await openDetails(ben);
    expect(await ben.button('Rename').count()).toBe(0);
    await chooseForMember(ana, 'Ben Okafor', 'Make admin');
    await member(ana, 'Ben Okafor').getByText('admin').waitFor();
    await ben.button('Rename').waitFor();
    await keepScreenshot(ana.page, 'group-details');
    await chooseForMember(ana, 'Ben Okafor', 'Make member');
    await ben.button('Rename').waitFor({ state: 'detached' });

    await chooseForMember(ana, 'Carla Rossi', 'Remove');
    await ana.dialog('Remove Carla Rossi?').getByRole('button', { name: 'Remove' }).click();
    await carla.room('Crew').waitFor({ state: 'detached' });
    await ben.event('Ana Torres removed Carla Rossi').waitFor();
    await member(ana, 'Carla Rossi').waitFor({ state: 'detached' });
  });

  test('a group gets another name, for everybody', async () => {
    await seedRoom(app.url, { type: 'group', name: 'Old name', members: [1, 2] });
    const [ana, ben] = await Promise.all([pages.signIn(app.url, 1), pages.signIn(app.url, 2)]);
    await ana.openRoom('Old name');
    await openDetails(ana);
    await ana.button('Rename').click();
    const details = ana.pane.getByRole('complementary', { name: 'Room details' });
    await details.getByLabel('Name', { exact: true }).fill('New name');
    await details.getByRole('button', { name: 'Save' }).click();
    await ben.openRoom('New name');
    await ben.event('Ana Torres named the room “New name”').waitFor();
  });

  test('in a channel only the owner writes, until members may', async () => {
    await seedRoom(app.url, { type: 'channel', name: 'News', members: [1, 2], sendMessage: false });
    const [ana, ben] = await Promise.all([pages.signIn(app.url, 1), pages.signIn(app.url, 2)]);
    await Promise.all([ana.openRoom('News'), ben.openRoom('News')]);
    await ana.send('Lift is repaired');
    await ben.message('Lift is repaired').waitFor();
    await ben.pane.getByText('Only owners and admins write in this channel.').waitFor();
    expect(await ben.field.count()).toBe(0);
    await openDetails(ana);
    await ana.pane.getByRole('switch', { name: 'Members may write' }).check();
    await ben.send('Thank you!');
    await ana.message('Thank you!').waitFor();
  });

  test('who leaves a group is asked first, and has it no longer', async () => {
    await seedRoom(app.url, { type: 'group', name: 'Leaving', members: [1, 2] });
    const [ana, ben] = await Promise.all([pages.signIn(app.url, 1), pages.signIn(app.url, 2)]);
    await ben.openRoom('Leaving');
    await ana.chooseForRoom('Leaving', 'Leave');
    await ana.dialog('Leave Leaving?').getByRole('button', { name: 'Cancel' }).click();
    await ana.chooseForRoom('Leaving', 'Leave');
    await ana.dialog('Leave Leaving?').getByRole('button', { name: 'Leave' }).click();
    await ana.room('Leaving').waitFor({ state: 'detached' });
    await ben.event('Ana Torres left').waitFor();
  });

  test('who is removed from the room that is open is told so, and so is who had a chat that is deleted', async () => {
    const roomId = await seedRoom(app.url, { type: 'group', name: 'Not for long', members: [1, 2] });
    const chatId = await seedRoom(app.url, { type: 'p2p', name: '', members: [6, 2] });
    const ben = await pages.signIn(app.url, 2);
    await ben.openRoom('Not for long');
    await (await chatClient(app.url, { as: 1 })).leaveRoom({ id: roomId, participants: [2] });
    await ben.pane.getByRole('status').getByText('You are not in Not for long any more.').waitFor();
    await ben.pane.getByText('Choose a room, or start a new one.').waitFor();
    await ben.openRoom('Farid Haddad');
    await (await chatClient(app.url, { as: 6 })).leaveRoom({ id: chatId });
    await ben.pane.getByText('The chat with Farid Haddad was deleted.').waitFor();
  });

  test('a name may have 255 letters: the head and the field stay one line', async () => {
    await seedRoom(app.url, { type: 'group', name: 'Short', members: [1, 2] });
    await seedRoom(app.url, { type: 'group', name: 'N'.repeat(255), members: [1, 2] });
    const ana = await pages.signIn(app.url, 1);
    await ana.openRoom('Short');
    const height = (await ana.field.boundingBox())?.height;
    await ana.room('NNN').click();
    await ana.pane.getByRole('heading', { name: 'NNN' }).waitFor();
    expect((await ana.field.boundingBox())?.height).toBe(height);
  });

  test('a member may have a long name: their options stay in reach', async () => {
    const users = [{ id: 90, name: `Longname ${'x'.repeat(100)}` }];
    await (await usersClient(app.url)).upsertUsers({ users });
    await seedRoom(app.url, { type: 'group', name: 'Long names', members: [1, 90] });
    const ana = await pages.signIn(app.url, 1);
    await ana.openRoom('Long names');
    await openDetails(ana);
    const details = ana.pane.getByRole('complementary', { name: 'Room details' });
    const options = details.getByRole('button', { name: /^Options of Longname/ });
    await options.waitFor();
    expect(await isWithin(options, details)).toBe(true);
    await ana.button('New room').click();
    const choice = ana.dialog('New room').getByRole('button', { name: /^Longname/ });
    await choice.waitFor();
    expect(await isWithin(choice, ana.dialog('New room'))).toBe(true);
  });
});

/** Whether nothing of it is beyond the right edge. */
async function isWithin(part: Locator, whole: Locator): Promise<boolean> {
  const [inner, outer] = await Promise.all([part.boundingBox(), whole.boundingBox()]);
  return inner !== null && outer !== null && inner.x + inner.width <= outer.x + outer.width;
}

async function openDetails(chat: ChatPage): Promise<void> {
  await chat.button('Room details').click();
  await chat.pane.getByRole('complementary', { name: 'Room details' }).waitFor();
}

function member(chat: ChatPage, name: string) {
  return chat.pane.getByRole('region', { name: 'Members' }).getByRole('listitem').filter({ hasText: name });
}

async function chooseForMember(chat: ChatPage, name: string, item: string): Promise<void> {
  await chat.button(`Options of ${name}`).last().click();
  await chat.pane.getByRole('menuitem', { name: item, exact: true }).click();
}
