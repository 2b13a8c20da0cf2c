import type { Room } from '../../gen/services/chat/v1/types_pb.ts';
import type { ChatRpc } from './connection.ts';
import type { Look } from './look.ts';
import type { Members } from './members.ts';
import type { Screen } from './screen.ts';
import { harmless } from './text.ts';

const HELP = [
  ['/who', 'who is in this room'],
  ['/rooms', 'your rooms'],
  ['/quit', 'leave this program (Ctrl-C does too)'],
  ['/help', 'this'],
] as const;

/** What commands need. */
export interface CommandDeps {
  readonly rpc: ChatRpc;
  readonly me: number;
  readonly members: Members;
  readonly screen: Screen;
  readonly look: Look;
  readonly quit: () => Promise<void>;
}

/** Does what a line with a slash asks for. What goes wrong is said on the screen. */
export function obey(line: string, deps: CommandDeps): void {
  const { screen, look } = deps;
  const [name = ''] = line.split(' ');
  const commands: Readonly<Record<string, () => Promise<void>>> = {
    '/help': async () => void screen.add(look.table(HELP)),
    '/who': async () => await who(deps),
    '/rooms': async () => await rooms(deps),
    '/quit': async () => await deps.quit(),
  };
  const run = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (run === undefined) screen.add(look.notice(`there is no ${name} here: try /help`, 'bad'));
  run?.().catch(() => screen.add(look.notice(`${name}: the service does not answer`, 'bad')));
}

async function who({ me, members, screen, look }: CommandDeps): Promise<void> {
  await members.load();
  const rows = members.list.map(({ id, name, role, phone }) => [
    `${harmless(name)}${id === me ? ' (you)' : ''}`,
    role.toLowerCase(),
    harmless(phone),
  ]);
  screen.add(look.table(rows));
}

async function rooms({ rpc, screen, look }: CommandDeps): Promise<void> {
  const { items } = await rpc.getRooms({ page: 1, limit: 50 });
  screen.add(look.table(items.map(roomRow)));
}

/** A room in a table: name, kind, unread, id. */
export function roomRow({ id, name, type, unreadCount }: Room): readonly string[] {
  return [harmless(name), type, unreadCount === 0 ? '' : `${unreadCount} unread`, id];
}
