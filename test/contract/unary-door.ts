import { type DescMethodUnary, type JsonObject, type JsonValue, ScalarType } from '@bufbuild/protobuf';
import { expect } from 'vitest';
import { ChatService } from '../../src/gen/services/chat/v1/service_pb.ts';
import { TokensService } from '../../src/gen/services/tokens/v1/service_pb.ts';
import { UsersService } from '../../src/gen/services/users/v1/service_pb.ts';
import type { Person, World } from '../rpc/world.ts';
import type { Outcome, UnaryDoor } from '../support/unary-doors.ts';

const { method: chat } = ChatService;
const { method: tokens } = TokensService;
const { method: users } = UsersService;

/** One call and what came of it, without what differs each time: ids, times, keys. */
export interface Transcript {
  readonly method: string;
  readonly outcome: JsonValue;
}

/** Uses every method that can be called by REST through one door, with new people; every door must write the same transcript. */
export async function callEveryMethod(world: World, door: UnaryDoor): Promise<readonly Transcript[]> {
  const [ann, bob, eve] = await world.people(3);
  const written: [DescMethodUnary, Outcome][] = [];
  const say = async (who: Person | string | undefined, method: DescMethodUnary, request: JsonObject) => {
    const token = typeof who === 'object' ? who.token : who;
    const outcome = await door.call({ url: world.url, ...(token && { token }) }, method, request);
    written.push([method, outcome]);
    return 'answer' in outcome ? outcome.answer : {};
  };

  const created = await say(ann, chat.createRoom, {
    ...{ type: 'group', name: 'Garden & café', description: 'a=b&c', sendMessage: true },
    participants: [bob.id, eve.id],
  });
  const id = at(created, 'room', 'id');
  const p2p = at(await say(ann, chat.createRoom, { type: 'p2p', participants: [bob.id] }), 'room', 'id');
  const sent = await say(ann, chat.sendMessage, {
    ...{ roomId: id, content: 'aGVsbG8=', senderMessageId: 'a/b c%2F?ü', locationLatitude: 1.5 },
    mentions: [{ user: String(bob.id), tag: '@bob' }],
  });
  const messageId = at(sent, 'message', 'id');
  await say(ann, chat.sendMessage, { roomId: id, content: 'eA==', senderMessageId: 'a/b c%2F?ü' });
  await say(ann, chat.editMessage, { messageId, newContent: 'aGk=' });
  await say(bob, chat.reactToMessage, { messageId, reaction: '👍' });
  await say(bob, chat.markMessagesAsRead, { roomId: id, messageIds: [messageId] });
  await say(bob, chat.getRooms, { page: 1, limit: 1, type: 'group', search: 'café' });
  await say(bob, chat.getRooms, {});
  await say(bob, chat.getRoom, { id });
  await say(bob, chat.getMessageHistory, { id, limit: 2, page: 1 });
  await say(bob, chat.getMessageHistory, { id, afterMessageId: messageId });
  await say(bob, chat.getRoomParticipants, { id, search: ann.name });
  await say(bob, chat.getMessage, { id: messageId });
  await say(ann, chat.getSenderMessage, { senderMessageId: 'a/b c%2F?ü' });
  await say(ann, chat.getMessageRead, { id: messageId });
  await say(ann, chat.getMessageReactions, { id: messageId });
  await say(bob, chat.sendTyping, { roomId: id, isTyping: true });
  await say(bob, chat.pinRoom, { id });
  await say(bob, chat.muteRoom, { id });
  await say(bob, chat.blockUser, { id: p2p });
  await say(ann, chat.updateRoom, { id, name: 'Garden', description: '', sendMessage: false });
  await say(ann, chat.updateParticipantRoom, { id, participant: bob.id, role: 'ADMIN' });
  await say(ann, chat.leaveRoom, { id, participants: [eve.id] });
  await say(bob, chat.addParticipantToRoom, { id, participants: [eve.id] });
  await say(ann, chat.initialSync, { syncStrategy: 'SYNC_STRATEGY_FULL', messagesPerRoom: 2 });
  await say(ann, chat.deleteMessage, { roomId: id, messageIds: [messageId] });
  await say(ann, tokens.saveToken, { token: 't', platform: 'android', device: 'd', lang: 'es' });
  const admin = world.adminToken;
  await say(admin, users.upsertUsers, { users: [{ id: eve.id, name: 'Eve', phone: eve.phone }] });
  await say(admin, users.getUsers, { ids: [eve.id, bob.id] });
  await say(admin, users.removeUsers, { ids: [eve.id] });
  await say(bob, users.getUsers, { ids: [eve.id] });

  for (const method of restMethods()) {
    const [first] = method.input.fields;
    const isText = first?.fieldKind === 'scalar' && first.scalar === ScalarType.STRING;
    for (const who of [undefined, bob]) await say(who, method, isText ? { [first.jsonName]: 'x' } : {});
  }
  const people = [ann, bob, eve];
  const seen = new Map<string, string>();
  return written.map(([method, outcome]) => ({
    method: method.name,
    outcome: plain(JSON.parse(JSON.stringify(outcome)), people, seen),
  }));
}

/** Every unary method of the service: each has a route. */
export function restMethods(): DescMethodUnary[] {
  return [ChatService, TokensService, UsersService].flatMap((service) =>
    service.methods.flatMap((method): DescMethodUnary[] => {
      return method.methodKind === 'unary' ? [method as DescMethodUnary] : [];
    }),
  );
}

function at(answer: JsonObject, ...path: readonly string[]): string {
  let value: JsonValue | undefined = answer;
  for (const key of path) {
    value = typeof value === 'object' && value !== null && !Array.isArray(value) ? value[key] : undefined;
  }
  expect(value, path.join('.')).toBeTypeOf('string');
  return String(value);
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)/g;
const VARYING = new Set(['encryptionData', 'syncDurationMs']);

/** The same each time: people by their place, ids by the order in which they turned up. */
function plain(value: JsonValue, people: readonly Person[], seen: Map<string, string>): JsonValue {
  if (Array.isArray(value)) return value.map((one) => plain(one, people, seen));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, one]) => [key, VARYING.has(key) ? '…' : plain(one, people, seen)]),
    );
  }
  const place = people.findIndex(({ id }) => id === value);
  if (place !== -1) return `person ${place}`;
  if (typeof value !== 'string') return value;
  const text = value.replace(TIME, '<time>').replace(UUID, (id) => {
    if (!seen.has(id)) seen.set(id, `<id ${seen.size}>`);
    return seen.get(id) ?? '';
  });
  return people.reduce((shown, { id }, index) => shown.replaceAll(String(id), `#${index}`), text);
}
