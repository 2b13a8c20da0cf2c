import { parseArgs } from 'node:util';
import { toJson } from '@bufbuild/protobuf';
import {
  type Room,
  type RoomParticipant,
  RoomParticipantSchema,
  RoomSchema,
} from '../gen/services/chat/v1/types_pb.ts';
import { takeAction } from './arguments.ts';
import type { ChatRpc } from './chat/connection.ts';
import { findRoom } from './chat/room-choice.ts';
import { CommandError, EXIT, runCommand, UsageError } from './command.ts';
import { ROOMS } from './commands/rooms.ts';
import { usageOf } from './help.ts';
import { parseUserIds } from './ids.ts';
import { columns, json } from './output.ts';
import { inTime, parseRemote, withService } from './remote.ts';
import { parseCount, parseUserId } from './token.ts';

/** Of one call, by contract. */
const PAGE = 50;
const DEFAULT_LIMIT = 50;
const MAX_ROOMS = 10_000;
const MAX_MEMBERS = 100_000;

/** Lists, makes or changes rooms of a user. */
export async function runRooms(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return await runCommand(usageOf(ROOMS), async () => {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: ROOMS.options,
    });
    const { action, rest } = takeAction(ROOMS.actions, positionals);
    if (values.as === undefined) throw new UsageError('who are you? --as takes your user id');
    const me = parseUserId(values.as);
    const work = workOf(action, rest, values);
    return await withService(env, { ...parseRemote(values), me }, async ({ client, url }) => {
      console.log(await inTime(work(client.rpc, values.json === true), url));
      return EXIT.ok;
    });
  });
}

/** Answers what is printed. */
type Work = (rpc: ChatRpc, isJson: boolean) => Promise<string>;
type Values = Readonly<
  Partial<Record<'search' | 'type' | 'limit' | 'name' | 'description' | 'members', string>>
>;

/** Everything about the arguments is found wrong before the service is asked. */
function workOf(
  action: (typeof ROOMS.actions)[number]['name'],
  rest: readonly string[],
  values: Values,
): Work {
  const takesRoom = action !== 'list' && action !== 'create';
  const [name, ...others] = rest;
  const extra = takesRoom ? others : rest;
  if (extra.length > 0) throw new UsageError(`"${extra.join(' ')}" makes no sense after ${action}`);
  if (action === 'list') {
    const limit = parseCount('limit', values.limit ?? String(DEFAULT_LIMIT), MAX_ROOMS);
    return async (rpc, isJson) => await list(rpc, { ...values, limit }, isJson);
  }
  if (action === 'create') return create(values);
  if (name === undefined) throw new UsageError('which room? Its id or its name is needed');
  const find = async (rpc: ChatRpc): Promise<Room> => await findRoom(rpc, { room: name, partner: undefined });
  if (action === 'show') return async (rpc, isJson) => await show(rpc, await find(rpc), isJson);
  if (action === 'leave') {
    return async (rpc, isJson) => {
      const { id } = await find(rpc);
      return done(await rpc.leaveRoom({ id }), 'left', isJson);
    };
  }
  const participants = parseUserIds([values.members ?? '']);
  return async (rpc, isJson) => {
    const { id } = await find(rpc);
    const change = { id, participants };
    return action === 'add'
      ? done(await rpc.addParticipantToRoom(change), 'added', isJson)
      : done(await rpc.leaveRoom(change), 'removed', isJson);
  };
}

async function list(
  rpc: ChatRpc,
  { search = '', type = '', limit }: Omit<Values, 'limit'> & { readonly limit: number },
  isJson: boolean,
): Promise<string> {
  const rooms: Room[] = [];
  for (let page = 1; rooms.length < limit; page += 1) {
    const { items } = await rpc.getRooms({ page, limit: PAGE, search, type });
    rooms.push(...items);
    if (items.length < PAGE) break;
  }
  const shown = rooms.slice(0, limit);
  if (isJson) return json(shown.map((room) => toJson(RoomSchema, room)));
  if (shown.length === 0) return 'no rooms';
  return columns(
    shown.map(({ name, type: kind, unreadCount, isPinned, isMuted, id }) => [
      name,
      kind,
      unreadCount === 0 ? '' : `${unreadCount} unread`,
      [...(isPinned ? ['pinned'] : []), ...(isMuted ? ['muted'] : [])].join(', '),
      id,
    ]),
  );
}

function create({ type, name, description, members }: Values): Work {
  if (type === undefined) throw new UsageError('which kind? --type takes p2p, group or channel');
  const participants = members === undefined ? [] : parseUserIds([members]);
  if (type === 'p2p' && participants.length !== 1)
    throw new UsageError('a p2p room is one of two: --members takes the other one');
  if (type === 'group' && name === undefined) throw new UsageError('what is it called? --name');
  const request = {
    type,
    participants,
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
  };
  return async (rpc, isJson) => {
    const answer = await rpc.createRoom(request);
    const { room } = answer;
    if (room === undefined) throw refused(answer);
    return isJson ? json(toJson(RoomSchema, room)) : columns([[room.name, room.type, room.id]]);
  };
}

async function show(rpc: ChatRpc, room: Room, isJson: boolean): Promise<string> {
  const members = await membersOf(rpc, room.id);
  if (isJson) {
    const participants = members.map((member) => toJson(RoomParticipantSchema, member));
    return json({ room: toJson(RoomSchema, room), participants });
  }
  const { name, type, id, description, role, unreadCount, createdAt } = room;
  return [
    columns([
      ['room', `${name}, ${type}`],
      ...(description === '' ? [] : [['about', description]]),
      ['id', id],
      ['since', createdAt],
      ['you are', role.toLowerCase()],
      ['unread', String(unreadCount)],
      ['members', String(members.length)],
    ]),
    columns(members.map((member) => ['', String(member.id), member.name, member.role.toLowerCase()])),
  ].join('\n');
}

async function membersOf(rpc: ChatRpc, id: string): Promise<RoomParticipant[]> {
  const members: RoomParticipant[] = [];
  for (let page = 1; members.length < MAX_MEMBERS; page += 1) {
    const { participants } = await rpc.getRoomParticipants({ id, page, limit: PAGE });
    members.push(...participants);
    if (participants.length < PAGE) break;
  }
  return members;
}

function done(answer: Answer, word: string, isJson: boolean): string {
  if (!answer.success) throw refused(answer);
  return isJson ? json({ success: true }) : word;
}

interface Answer {
  readonly success: boolean;
  readonly errorMessage?: string | undefined;
}

function refused({ errorMessage }: Answer): CommandError {
  return new CommandError(`the service refuses: ${errorMessage ?? 'it does not say why'}`);
}
