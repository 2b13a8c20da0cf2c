import type { Client } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encryptMessage } from '../../../src/crypto/message-cipher.ts';
import { createRoomKeys } from '../../../src/crypto/room-keys.ts';
import type { ChatService } from '../../../src/gen/services/chat/v1/service_pb.ts';
import type { Room } from '../../../src/gen/services/chat/v1/types_pb.ts';
import { MASTER } from '../../crypto/vectors.ts';
import { chatClient, startTestApp, type TestApp } from '../../support/app.ts';
import { KEYS, TerminalChat } from '../../support/terminal-chat.ts';

describe('the full screen', () => {
  let app: TestApp;
  let client: Client<typeof ChatService>;
  let direct: Room;
  let lunch: Room;
  let chats: TerminalChat[] = [];
  beforeEach(async () => {
    app = await startTestApp({ env: { CHAT_KEY: MASTER.key, CHAT_IV: MASTER.iv } });
    client = await chatClient(app.url, { as: 2 });
    direct = await made({ type: 'p2p', participants: [1] });
    lunch = await made({ type: 'group', name: 'Lunch', participants: [1, 3] });
  });
  afterEach(async () => {
    for (const chat of chats) await chat.end();
    chats = [];
    await app.stop();
  });

  it('lets two people talk: typing, messages and read ticks', async () => {
    const ana = open(1, 'user 2');
    const ben = open(2, 'user 1');
    await ben.shows(/^ {2}User 2 [\s\S]*online/);
    await ana.shows(/User 2 {2}direct[\s\S]*online/);
    ana.press('Hello Ben 漢字 👋');
    await ben.shows(/User is typing …/);
    ana.press(KEYS.enter);
    await ben.shows(/User 1 +Hello Ben 漢字 👋/);
    await ana.shows(/User 1 {2}✓✓ Hello Ben/);
    ben.say('fine');
    await ana.shows(/User 2 +fine/);
    expect(ana.count(/ fine$/gm)).toBe(1);
  });

  it('shows all rooms by one stream, counts what is unread, and reads only the open one', async () => {
    await say(direct, 'hi');
    const ana = open(1);
    await ana.shows(/▌ User 2[\s\S]* {2}Lunch/);
    await say(lunch, 'soup?');
    await say(lunch, 'or salad?');
    await ana.shows(/Lunch +2 [\s\S]*User: or salad\?/);
    await client.sendTyping({ roomId: lunch.id, isTyping: true });
    await ana.shows(/User typing …/);
    expect(await unread(lunch)).toBe(2);
    ana.press(KEYS.ctrlG);
    await ana.shows(/Lunch {2}group, 3 members[\s\S]*─ new ─[\s\S]*User 2 +soup\?[\s\S]*User 2 +or salad\?/);
    await expect.poll(async () => await unread(lunch)).toBe(0);
    expect(ana.terminal.text()).not.toMatch(/Lunch +2/);
    ana.press(KEYS.tab);
    await ana.shows(/│ User 2 {2}direct/);
    await ana.shows(/User 2 +hi/);
    ana.press(KEYS.shiftTab);
    await ana.shows(/│ Lunch {2}group/);
  });

  it('loads what was said before when the user scrolls up', async () => {
    for (let n = 1; n <= 70; n += 1) await say(lunch, `line ${n}.`);
    const ana = open(1, 'lunch');
    await ana.shows(/line 70\./);
    for (let page = 0; page < 6; page += 1) {
      const before = ana.terminal.text();
      ana.press(KEYS.pageUp);
      await expect.poll(() => ana.terminal.text() !== before || /the beginning/.test(before)).toBe(true);
    }
    await ana.shows(/the beginning[\s\S]* line 1\.[\s\S]* line 2\.[\s\S]*more rows/);
    await say(lunch, 'news');
    await ana.shows(/User: news/);
    await ana.shows(/ line 1\./);
    ana.press(KEYS.escape);
    await ana.shows(/ line 70\.\s[\s\S]* news/);
  });

  it('replies, edits, reacts and deletes, by number', async () => {
    await say(direct, 'salad?');
    const ana = open(1, 'user 2');
    await ana.shows(/salad\?/);
    ana.press('/reply ');
    await ana.shows(/ 1 {2}User 2 +salad\?/);
    ana.press('1', KEYS.enter);
    await ana.shows(/── replying to User 2: salad\?/);
    ana.say('soup');
    await ana.shows(/✓ +↪ User 2: salad\?[\s\S]*soup/);
    ana.say('/edit');
    await ana.shows(/› soup/);
    ana.say('!');
    await ana.shows(/soup! \(edited\)/);
    ana.say('/react 2 :heart:');
    await ana.shows(/❤️ you/);
    ana.say('/delete');
    await ana.shows(/✓ +deleted/);
    ana.say('/react 1 :nonsense:');
    await ana.shows(/there is no :nonsense:, but :\+1:/);
  });

  it('makes, lists and searches rooms', async () => {
    const ana = open(1, 'lunch');
    await ana.shows(/Lunch/);
    ana.say('/new Picnic 2 3');
    await ana.shows(/│ Picnic {2}group, 3 members/);
    ana.say('who brings the cake?');
    await ana.shows(/✓.*who brings/);
    ana.say('/search CAKE');
    await ana.shows(/1 with “CAKE”[\s\S]*User 1 +who brings the cake\?/);
    ana.press(KEYS.escape);
    await ana.terminal.hides(/1 with/);
    ana.say('/open lunch');
    await ana.shows(/│ Lunch {2}group/);
    ana.say('/pin');
    await ana.shows(/⚑ Lunch/);
  });

  it('edits the line, and remembers lines', async () => {
    const ana = open(1, 'lunch');
    await ana.shows(/online/);
    ana.press('one two', KEYS.ctrlW, 'three', KEYS.left, KEYS.backspace, KEYS.home, '>');
    await ana.shows(/› >one thre/);
    await expect.poll(() => ana.terminal.beforeCursor()).toBe(' › >');
    ana.press(KEYS.enter);
    await ana.shows(/✓ +>one thre/);
    ana.press('draft', KEYS.up);
    await ana.shows(/› >one thre/);
    ana.press(KEYS.down);
    await ana.shows(/› draft/);
    // What is being typed stays with its room.
    ana.press(KEYS.tab);
    await ana.shows(/│ User 2 {2}direct/);
    await ana.terminal.hides(/› draft/);
    ana.press(KEYS.tab);
    await ana.shows(/› draft/);
  });

  it('hides the list on a narrow terminal, and fits any size', async () => {
    await say(lunch, 'a line that has to be broken on a terminal as narrow as this');
    const ana = open(1, 'lunch', 50);
    await ana.shows(/as narrow/);
    expect(ana.terminal.text()).not.toMatch(/│/);
    ana.press(KEYS.ctrlT);
    await ana.shows(/▌ Lunch[\s\S]* {2}User 2/);
    ana.press(KEYS.ctrlT);
    ana.terminal.resize(120, 30);
    await ana.shows(/▌ Lunch +│[\s\S]*be broken on a terminal as/);
    expect(ana.terminal.text().split('\n')).toHaveLength(30);
    ana.terminal.resize(20, 5);
    await ana.shows(/^too small$/);
    ana.terminal.resize(32, 8);
    await ana.shows(/Lunch {2}group[\s\S]*online/);
  });

  it('does not let a message steer the terminal', async () => {
    await client.updateRoom({ id: lunch.id, name: 'Lunch\x1b[2J\x1b[?1049l' });
    await say(lunch, 'evil \x1b[2J\x1b]0;title\x07\x1b[?1049l text');
    const ana = open(1);
    await ana.shows(/evil +text/);
    expect(ana.terminal.isAlternate).toBe(true);
  });

  it('opens another room when its user is removed from the open one', async () => {
    const ana = open(1, 'lunch');
    await ana.shows(/│ Lunch {2}group/);
    await client.leaveRoom({ id: lunch.id, participants: [1] });
    await ana.shows(/│ User 2 {2}direct[\s\S]*you were removed from this room/);
    expect(ana.terminal.text()).not.toMatch(/Lunch/);
  });

  it('gives the terminal back at the end', async () => {
    const ana = open(1, 'lunch');
    await ana.shows(/online/);
    expect(ana.terminal.isAlternate).toBe(true);
    ana.say('/quit');
    await ana.ended;
    expect(ana.terminal.isAlternate).toBe(false);
  });

  function open(me: number, room?: string, columns?: number): TerminalChat {
    const chat = new TerminalChat(app.url, me, {
      ...(room === undefined ? {} : { room }),
      ...(columns === undefined ? {} : { columns }),
    });
    chats.push(chat);
    return chat;
  }

  async function made(request: Parameters<typeof client.createRoom>[0]): Promise<Room> {
    const { room } = await client.createRoom(request);
    if (room === undefined) throw new Error('no room was made');
    return room;
  }

  async function say({ id: roomId, encryptionData }: Room, text: string): Promise<void> {
    const key = createRoomKeys(MASTER).open(encryptionData);
    await client.sendMessage({ roomId, content: encryptMessage(text, key) });
  }

  async function unread({ id }: Room): Promise<number> {
    const { room } = await (await chatClient(app.url, { as: 1 })).getRoom({ id });
    return room?.unreadCount ?? 0;
  }
});
