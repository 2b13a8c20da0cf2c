import { Code, ConnectError } from '@connectrpc/connect';
import type { Room } from '../../gen/services/chat/v1/types_pb.ts';
import { CommandError } from '../command.ts';
import type { ChatRpc } from './connection.ts';
import { harmless, padTo, textWidth } from './text.ts';

/** A room by id or name, or by the other person in it; by neither: the one where something was said last. */
export interface RoomChoice {
  readonly room: string | undefined;
  readonly partner: number | undefined;
}

const NO_ROOM = 'you are in no room yet: --with USER_ID makes one';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The chosen room; a p2p room is made when there is none yet. Throws a CommandError that names the rooms there are. */
export async function findRoom(client: ChatRpc, { room, partner }: RoomChoice): Promise<Room> {
  if (partner !== undefined) return await roomWith(client, partner);
  if (room === undefined) return await newestRoom(client);
  if (UUID.test(room)) {
    const answer = await client.getRoom({ id: room });
    if (answer.room !== undefined) return answer.room;
  }
  const { items } = await client.getRooms({ page: 1, limit: 50, search: room });
  const exact = items.filter(({ name }) => name.toLowerCase() === room.toLowerCase());
  const [found, ...others] = exact.length > 0 ? exact : items;
  if (found !== undefined && others.length === 0) return found;
  throw await whichRoom(client, room, items);
}

async function roomWith(client: ChatRpc, partner: number): Promise<Room> {
  try {
    const { room } = await client.createRoom({ type: 'p2p', participants: [partner] });
    if (room !== undefined) return room;
  } catch (error) {
    if (ConnectError.from(error).code !== Code.InvalidArgument) throw error;
  }
  throw new CommandError(`there is no other user ${partner} to talk with`);
}

async function newestRoom(client: ChatRpc): Promise<Room> {
  const { items } = await client.getRooms({ page: 1, limit: 50 });
  // Pinned ones come first.
  const [newest] = items.toSorted((one, other) => timeOf(other) - timeOf(one));
  if (newest === undefined) throw new CommandError(NO_ROOM);
  return newest;
}

function timeOf({ lastMessageAt }: Room): number {
  return lastMessageAt === '' ? 0 : Date.parse(lastMessageAt);
}

async function whichRoom(client: ChatRpc, room: string, found: readonly Room[]): Promise<CommandError> {
  const items = found.length > 0 ? found : (await client.getRooms({ page: 1, limit: 50 })).items;
  if (items.length === 0) return new CommandError(NO_ROOM);
  const problem = found.length > 1 ? 'several rooms of yours match' : 'no room of yours is called';
  return new CommandError(`${problem} “${harmless(room)}”:\n${table(items)}`);
}

function table(rooms: readonly Room[]): string {
  const rows = rooms.map(({ name, type, id }) => [harmless(name), type, id] as const);
  const width = Math.max(...rows.map(([name]) => textWidth(name)));
  return rows.map(([name, type, id]) => `  ${padTo(name, width)}  ${padTo(type, 7)}  ${id}`).join('\n');
}
