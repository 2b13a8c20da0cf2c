import { create } from '@bufbuild/protobuf';
import { v1 } from 'uuid';
import { seconds } from '../chat/time.ts';
import { encryptMessage } from '../crypto/message-cipher.ts';
import type { RoomKey, RoomKeys } from '../crypto/room-keys.ts';
import { type User, UserSchema } from '../gen/services/users/v1/types_pb.ts';
import type { Actor, RoomsRepository } from '../repository/rooms-repository.ts';
import type { UsersRepository } from '../repository/users-repository.ts';
import { DEMO_ROOM_ID, DEMO_ROOMS, DEMO_USERS, type DemoRoom, type DemoUser } from './demo-conversations.ts';

/** Fills an empty database with people and conversations; false, and nothing written, when it was ever used. */
export async function seedDemoData(deps: {
  readonly users: UsersRepository;
  readonly rooms: RoomsRepository;
  readonly keys: RoomKeys;
}): Promise<boolean> {
  if (!(await deps.users.isEmpty())) return false;
  await deps.users.upsertUsers(demoUsers());
  for (const room of DEMO_ROOMS) await seedRoom(deps.rooms, deps.keys, room);
  return true;
}

/**
 * A room of user 1 and a content for it, encrypted with its key: what the banner's example sends.
 * Undefined when the demo room is not there (any more).
 */
export async function demoMessage(
  deps: { readonly rooms: RoomsRepository; readonly keys: RoomKeys },
  text: string,
): Promise<{ readonly roomId: string; readonly content: string } | undefined> {
  const room = await deps.rooms.getRoom(1, DEMO_ROOM_ID, 'light');
  if (room === undefined) return undefined;
  return { roomId: room.id, content: encryptMessage(text, deps.keys.open(room.encryptionData)) };
}

async function seedRoom(rooms: RoomsRepository, keys: RoomKeys, demo: DemoRoom): Promise<void> {
  const [owner = 0, ...others] = demo.members;
  const encryptionData = keys.create();
  await rooms.createRoom({
    id: demo.id,
    type: demo.type,
    name: demo.name,
    description: demo.description,
    photoUrl: demo.emoji === '' ? '' : picture(demo.emoji, '#e8e4da', 24),
    encryptionData,
    sendMessage: demo.sendMessage,
    addMember: false,
    editGroup: false,
    creator: actor(owner),
    participantIds: others,
    joinedAt: seconds(new Date()),
    subscribe: demo.type !== 'p2p',
  });
  const ids = await seedLines(rooms, keys.open(encryptionData), demo);
  for (const [reader, line] of Object.entries(demo.reads)) {
    // A position at one's own message is a position at the last one before it that somebody else wrote.
    const seen = ids.slice(0, line + 1).filter((_, index) => demo.lines[index]?.from !== Number(reader));
    await rooms.markMessagesAsRead(actor(Number(reader)), demo.id, seen.slice(-1), seconds(new Date()));
  }
}

/** Answers the ids of the messages, in order. */
async function seedLines(rooms: RoomsRepository, key: RoomKey, demo: DemoRoom): Promise<string[]> {
  const ids: string[] = [];
  for (const { from, text, reply, reactions } of demo.lines) {
    const id = v1();
    const replyId = reply === undefined ? undefined : ids[reply];
    await rooms.saveMessage({
      id,
      roomId: demo.id,
      sender: actor(from),
      content: encryptMessage(text, key),
      lifetime: 'normal',
      origin: 'app',
      mentions: [],
      push: false,
      ...(replyId === undefined ? {} : { replyId }),
    });
    for (const [reader, emoji] of Object.entries(reactions ?? {})) {
      await rooms.reactToMessage(actor(Number(reader)), id, emoji);
    }
    ids.push(id);
  }
  return ids;
}

/** The demo users, as they are written. */
export function demoUsers(): readonly User[] {
  return DEMO_USERS.map(toUser);
}

function toUser({ id, name, colour }: DemoUser): User {
  const initials = name
    .split(' ')
    .map((word) => word.charAt(0))
    .join('');
  return create(UserSchema, {
    id,
    name,
    // Numbers of this range belong to nobody.
    phone: `+1202555010${id}`,
    email: `user${id}@example.com`,
    avatar: picture(initials, colour, 18),
  });
}

/** A small square picture that needs no network. */
function picture(text: string, colour: string, size: number): string {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><rect width="40" height="40" fill="${colour}"/><text x="20" y="${20 + size / 3}" font-family="Inter,system-ui,sans-serif" font-size="${size}" fill="#fff" text-anchor="middle">${text}</text></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}

function actor(userId: number): Actor {
  const client = {
    clientId: undefined,
    lang: 'en',
    timezone: '',
    platform: 'unknown',
    clientVersion: '',
  } as const;
  return { userId, client };
}
