import type { Room } from '../../gen/services/chat/v1/types_pb.ts';
import { CommandError } from '../command.ts';
import type { MessageItem } from './conversation.ts';
import { emojiOf } from './emoji.ts';
import { findRoom } from './room-choice.ts';
import type { RoomEntry } from './room-list.ts';
import type { ChatSession } from './session.ts';
import { harmless } from './text.ts';

/** What the commands are, and what each does. */
export const COMMAND_HELP: readonly (readonly [usage: string, what: string])[] = [
  ['/open NAME', 'opens another of your rooms'],
  ['/new USER_ID', 'opens the room with that user'],
  ['/new NAME USER_ID …', 'makes a group of them'],
  ['/rooms', 'lists your rooms'],
  ['/who', 'lists who is in this room'],
  ['/reply N TEXT', 'answers the N-th message from the bottom'],
  ['/edit N TEXT', 'changes a message of yours; without N the last one'],
  ['/delete N', 'deletes a message; without N your last one'],
  ['/react N :heart:', 'reacts to a message; without emoji no more'],
  ['/search TEXT', 'finds messages in this room'],
  ['/pin', 'pins this room, or no longer'],
  ['/mute', 'mutes this room, or no longer'],
  ['/quit', 'leaves, as Ctrl-C does'],
  ['/help', 'shows this'],
];

type Command = (session: ChatSession, rest: string) => Promise<void>;

const COMMANDS: Readonly<Record<string, Command>> = {
  '/help': async ({ view }) => view.help(),
  '/rooms': async ({ rooms, view }) => view.table('Your rooms', rooms.all.map(roomRow)),
  '/who': who,
  '/open': openRoom,
  '/new': newRoom,
  '/reply': reply,
  '/edit': edit,
  '/delete': remove,
  '/react': react,
  '/search': search,
  '/pin': async (session) => await session.changeRoom((id) => session.rpc.pinRoom({ id })),
  '/mute': async (session) => await session.changeRoom((id) => session.rpc.muteRoom({ id })),
  '/quit': async (session) => await session.finish(),
};

/** Pages of history that a search reads at most. */
const SEARCHED_PAGES = 20;
const MAX_FOUND = 50;

/** Does what a line with a slash asks for. What goes wrong is said on the view. */
export function obey(line: string, session: ChatSession): void {
  const [, name = '', rest = ''] = /^(\S+)\s*(.*)$/s.exec(line) ?? [];
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) session.view.notice(`there is no ${harmless(name)} here: try /help`, 'bad');
  else session.attempt(`${name}: `, () => command(session, rest));
}

/** Name, kind, unread, id. */
function roomRow({ id, name, type, unread }: RoomEntry): readonly string[] {
  return [name, type, unread === 0 ? '' : `${unread} unread`, id];
}

async function who({ rpc, room, me, view }: ChatSession): Promise<void> {
  const { participants } = await rpc.getRoomParticipants({ id: room?.id ?? '', page: 1, limit: 100 });
  const rows = participants.map(({ id, name, role, phone }) => [
    `${harmless(name)}${id === me ? ' (you)' : ''}`,
    role.toLowerCase(),
    harmless(phone),
  ]);
  view.table('In this room', rows);
}

async function openRoom(session: ChatSession, name: string): Promise<void> {
  if (name === '') throw new CommandError('which one? /rooms lists them');
  enter(session, await findRoom(session.rpc, { room: name, partner: undefined }));
}

async function newRoom(session: ChatSession, rest: string): Promise<void> {
  const [, name = '', ids = ''] = /^(.*?)((?:\s*\b\d+)+)$/.exec(rest) ?? [];
  const participants = ids.split(/\s+/).filter(Boolean).map(Number);
  const [partner] = participants;
  if (partner === undefined) throw new CommandError('with whom? /new 3, or /new Lunch 2 3');
  if (name === '' && participants.length > 1) throw new CommandError('a group needs a name: /new Lunch 2 3');
  if (name === '') return enter(session, await findRoom(session.rpc, { room: undefined, partner }));
  const { room } = await session.rpc.createRoom({ type: 'group', name: name.trim(), participants });
  if (room !== undefined) enter(session, room);
}

function enter(session: ChatSession, room: Room): void {
  if (session.rooms.get(room.id) === undefined) session.rooms.put(room);
  session.open(room.id);
}

async function reply(session: ChatSession, rest: string): Promise<void> {
  const [n = 1, text] = numbered(rest);
  session.aim({ kind: 'reply', message: nth(session, n) });
  if (text !== '') await session.say(text);
}

async function edit(session: ChatSession, rest: string): Promise<void> {
  const [n, text] = numbered(rest);
  const message = own(session, n);
  session.aim({ kind: 'edit', message });
  if (text !== '') await session.say(text);
}

async function remove(session: ChatSession, rest: string): Promise<void> {
  const [n] = numbered(rest);
  const { id } = n === undefined ? own(session, n) : nth(session, n);
  await session.rpc.deleteMessage({ roomId: session.room?.id ?? '', messageIds: [id] });
}

async function react(session: ChatSession, rest: string): Promise<void> {
  const [n = 1, emoji] = numbered(rest);
  await session.rpc.reactToMessage({ messageId: nth(session, n).id, reaction: emojiOf(emoji) });
}

async function search(session: ChatSession, text: string): Promise<void> {
  if (text === '') throw new CommandError('what for? /search TEXT');
  const { conversation } = session;
  for (let page = 0; page < SEARCHED_PAGES && conversation?.hasOlder === true; page += 1)
    await session.older();
  const wanted = text.toLowerCase();
  const found = (conversation?.items ?? []).flatMap((item) =>
    item.kind === 'message' && !item.view.deleted && item.view.text?.toLowerCase().includes(wanted)
      ? [
          [
            item.at.toLocaleString('en-GB', { dateStyle: 'short', timeStyle: 'short' }),
            item.view.name,
            item.view.text,
          ],
        ]
      : [],
  );
  if (found.length === 0) throw new CommandError(`nothing with “${harmless(text)}” was said here`);
  session.view.table(`${found.length} with “${harmless(text)}”`, found.slice(-MAX_FOUND));
}

function numbered(rest: string): readonly [n: number | undefined, text: string] {
  const [, number, text = ''] = /^(?:(\d{1,4})(?=\s|$))?\s*(.*)$/s.exec(rest) ?? [];
  return [number === undefined ? undefined : Number(number), text];
}

function nth({ conversation }: ChatSession, n: number): MessageItem {
  const found = n > 0 ? conversation?.nth(n) : undefined;
  if (found === undefined) throw new CommandError('there is no such message: count from the bottom');
  return found;
}

function own(session: ChatSession, n: number | undefined): MessageItem {
  const found = n === undefined ? session.conversation?.lastOwn : nth(session, n);
  if (found === undefined || found.senderId !== session.me)
    throw new CommandError('that is not a message of yours');
  return found;
}
