import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type MessageData, MessageStatus, type Room } from '../../src/gen/services/chat/v1/types_pb.ts';
import { openWorld, type Person, RFC3339, type World } from './world.ts';

const INVALID = { rawMessage: 'invalid_request_data', code: 3 };
const NOT_FOUND = { rawMessage: 'not_found', code: 5 };
const DENIED = { rawMessage: 'permission_denied', code: 7 };
const UUID_V1 = /^[0-9a-f]{8}-[0-9a-f]{4}-1[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe.skipIf(inject('postgresUrl') === '')('messages', () => {
  let world: World;
  let ana: Person;
  let ben: Person;
  let cleo: Person;
  let stranger: Person;

  beforeAll(async () => {
    world = await openWorld();
    [ana, ben, cleo, stranger] = await world.people(4);
  });
  afterAll(() => world?.close());

  async function say(person: Person, room: Room, content = 'aGk='): Promise<MessageData> {
    const { message } = await person.chat.sendMessage({ roomId: room.id, content });
    if (message === undefined) throw new Error('no message');
    return message;
  }

  describe('SendMessage', () => {
    test('answers the stored message, tells its author that it was sent, then everybody', async () => {
      const room = await ana.group([ben]);
      const [mine, theirs] = [await ana.listen(room.id), await ben.listen(room.id)];
      const { message, success } = await ana.chat.sendMessage({
        roomId: room.id,
        content: 'bm8gY2lwaGVy',
        type: 'system_message',
        locationName: 'Peak',
        locationLatitude: -12.5,
        locationLongitude: 170.25,
        contactName: 'Somebody',
        contactPhone: ben.phone,
        file: 'https://file',
        event: 'poll',
        senderMessageId: 'own-1',
      });
      expect(success).toBe(true);
      expect(message).toMatchObject({
        roomId: room.id,
        senderId: ana.id,
        senderName: ana.name,
        senderPhone: ana.phone,
        content: 'bm8gY2lwaGVy',
        type: 'user_message',
        status: MessageStatus.SENT,
        lifetime: 'normal',
        origin: 'app',
        locationName: 'Peak',
        locationLatitude: -12.5,
        locationLongitude: 170.25,
        contactName: 'Somebody',
        contactPhone: ben.phone,
        contactId: String(ben.id),
        file: 'https://file',
        event: 'poll',
        senderMessageId: 'own-1',
        edited: false,
        isDeleted: false,
        sequence: 1,
      });
      expect(message?.id).toMatch(UUID_V1);
      expect(message?.createdAt).toMatch(RFC3339);
      const [sent, own] = await mine.take(2);
      expect(sent?.event).toMatchObject({
        case: 'statusUpdate',
        value: { messageId: message?.id, status: MessageStatus.SENT, userId: ana.id, senderId: ana.id },
      });
      expect(own?.event).toMatchObject({
        case: 'message',
        value: { id: message?.id, content: 'bm8gY2lwaGVy' },
      });
      const [received] = await theirs.take(1);
      expect(received?.event).toMatchObject({
        case: 'message',
        value: { id: message?.id, senderName: ana.name },
      });
      await expect
        .poll(() => world.notified())
        .toContainEqual(
          expect.objectContaining({ call: 'SendPushNotificationEvent', roomId: room.id, senderId: ana.id }),
        );
    });

    test('takes any content, also none, up to 8192 characters', async () => {
      const room = await ana.group([ben]);
      for (const content of ['', '👋', 'x'.repeat(8192)])
        expect((await say(ana, room, content)).content).toBe(content);
      const long = { roomId: room.id, content: 'x'.repeat(8193) };
      await expect(ana.chat.sendMessage(long)).rejects.toMatchObject(INVALID);
    });

    test('a push tells the clear text; a partner who muted gets none', async () => {
      const [a, b] = await world.people(2);
      const room = await a.p2p(b);
      await a.chat.sendMessage({ roomId: room.id, content: world.encrypt(room, 'Hello World') });
      const push = {
        call: 'SendPushNotificationEvent',
        roomId: room.id,
        roomType: 'p2p',
        roomName: b.name,
        senderId: a.id,
        senderDisplayName: a.name,
        recipientsUserId: [b.id],
        messageContent: 'Hello World',
      };
      await expect.poll(() => world.notified()).toContainEqual(push);
      await b.chat.muteRoom({ id: room.id });
      await a.chat.sendMessage({ roomId: room.id, content: world.encrypt(room, 'Again') });
      await b.chat.muteRoom({ id: room.id });
      await a.chat.sendMessage({ roomId: room.id, content: world.encrypt(room, 'Third') });
      await expect.poll(() => world.notified()).toContainEqual({ ...push, messageContent: 'Third' });
      expect(world.notified()).not.toContainEqual({ ...push, messageContent: 'Again' });
    });

    test('a repeated client-side id answers the first message and tells nobody', async () => {
      const room = await ana.group([ben]);
      const elsewhere = await ana.group([ben]);
      const senderMessageId = randomUUID();
      const first = await ana.chat.sendMessage({ roomId: room.id, content: 'b25l', senderMessageId });
      const listener = await ben.listen();
      const again = await ana.chat.sendMessage({ roomId: elsewhere.id, content: 'dHdv', senderMessageId });
      expect(again.message).toMatchObject({ id: first.message?.id, roomId: room.id, content: 'b25l' });
      const theirs = await ben.chat.sendMessage({ roomId: room.id, content: 'dHdv', senderMessageId });
      expect(theirs.message?.id).not.toBe(first.message?.id);
      const events = await listener.take(2);
      expect(events.map(({ event }) => event.case)).toEqual(['statusUpdate', 'message']);
      expect(events[1]?.event.value).toMatchObject({ id: theirs.message?.id });
    });

    test('a repeat is answered even when it would be refused by now', async () => {
      const room = await ana.group([ben]);
      const request = { roomId: room.id, content: 'b25l', senderMessageId: randomUUID() };
      const first = await ben.chat.sendMessage(request);
      await ana.chat.updateRoom({ id: room.id, sendMessage: false });
      await expect(ben.chat.sendMessage({ ...request, senderMessageId: 'new' })).rejects.toMatchObject(
        INVALID,
      );
      expect((await ben.chat.sendMessage(request)).message?.id).toBe(first.message?.id);
    });

    test('ten simultaneous repeats store one message', async () => {
      const room = await ana.group([ben]);
      const request = { roomId: room.id, content: 'b25l', senderMessageId: randomUUID() };
      const answers = await Promise.all(Array.from({ length: 10 }, () => ana.chat.sendMessage(request)));
      expect(new Set(answers.map(({ message }) => message?.id)).size).toBe(1);
      expect((await ana.chat.getMessageHistory({ id: room.id })).items).toHaveLength(1);
    });

    test('an empty client-side id is none', async () => {
      const room = await ana.group([ben]);
      const request = { roomId: room.id, senderMessageId: '' };
      const ids = [await ana.chat.sendMessage(request), await ana.chat.sendMessage(request)];
      expect(new Set(ids.map(({ message }) => message?.id)).size).toBe(2);
    });

    test('replies, forwards and mentions carry what they refer to', async () => {
      const [room, source] = [await ana.group([ben, cleo]), await ana.group([cleo])];
      const original = await say(ben, room);
      const foreign = await say(cleo, source, 'Zm9yd2FyZA==');
      const { message } = await ana.chat.sendMessage({
        roomId: room.id,
        replyId: original.id.toUpperCase(),
        forwardId: foreign.id,
        mentions: [
          { user: String(ben.id), tag: '@ben' },
          { user: String(ben.id), tag: '@ben' },
          { user: String(cleo.id), tag: '@cleo' },
        ],
      });
      expect(message?.reply).toMatchObject({ id: original.id, senderId: ben.id, content: original.content });
      expect(message).toMatchObject({
        forwardedMessageId: foreign.id,
        forwardedMessageSenderId: cleo.id,
        forwardedMessageSenderName: cleo.name,
      });
      const mentioned = message?.mentions.map(({ id, tag, name }) => `${id} ${tag} ${name}`).toSorted();
      expect(mentioned).toEqual([`${ben.id} @ben ${ben.name}`, `${cleo.id} @cleo ${cleo.name}`].toSorted());
    });

    test('refers only to what its author can see', async () => {
      const [room, elsewhere, hidden] = [
        await ana.group([ben]),
        await ana.group([ben]),
        await ben.group([cleo]),
      ];
      const [there, secret, gone] = [await say(ana, elsewhere), await say(ben, hidden), await say(ana, room)];
      await ana.chat.deleteMessage({ roomId: room.id, messageIds: [gone.id] });
      const listener = await ben.listen(room.id);
      for (const bad of [
        { replyId: there.id },
        { replyId: secret.id },
        { replyId: gone.id },
        { replyId: randomUUID() },
        { replyId: 'x' },
        { replyId: '' },
        { forwardId: secret.id },
        { forwardId: gone.id },
        { forwardId: randomUUID() },
        { forwardId: 'x' },
        { mentions: [{ user: String(cleo.id), tag: '@c' }] },
        { mentions: [{ user: 'ben', tag: '@b' }] },
        { mentions: [{ user: '-1', tag: '@b' }] },
        { mentions: [{ user: '99999999999', tag: '@b' }] },
        { mentions: [{ user: String(ben.id), tag: 'x'.repeat(65) }] },
        { event: 'new_name' },
        { event: 'remove_member' },
        { senderMessageId: 'x'.repeat(65) },
        { file: 'x'.repeat(2049) },
        { locationLatitude: Number.NaN },
        { locationLongitude: Number.POSITIVE_INFINITY },
      ]) {
        await expect(
          ana.chat.sendMessage({ roomId: room.id, ...bad }),
          JSON.stringify(bad),
        ).rejects.toMatchObject(INVALID);
      }
      const { message } = await ana.chat.sendMessage({ roomId: room.id, forwardId: there.id });
      expect((await listener.take(1))[0]?.event.value).toMatchObject({ id: message?.id, sequence: 2 });
    });

    test('nobody is mentioned in a p2p room', async () => {
      const room = await ana.p2p(ben);
      const mentions = [{ user: String(ben.id), tag: '@b' }];
      await expect(ana.chat.sendMessage({ roomId: room.id, mentions })).rejects.toMatchObject(INVALID);
    });

    test('in a silenced room only those who run it speak', async () => {
      for (const type of ['group', 'channel']) {
        const participants = [ben.id];
        const { room } = await ana.chat.createRoom({ type, name: 'x', sendMessage: false, participants });
        const roomId = room?.id ?? '';
        await expect(ben.chat.sendMessage({ roomId })).rejects.toMatchObject(INVALID);
        expect((await ana.chat.sendMessage({ roomId })).message?.sequence).toBe(1);
      }
    });

    test('only members send', async () => {
      const room = await ana.group([ben]);
      await expect(stranger.chat.sendMessage({ roomId: room.id })).rejects.toMatchObject(NOT_FOUND);
      await expect(ana.chat.sendMessage({ roomId: randomUUID() })).rejects.toMatchObject(NOT_FOUND);
      await expect(ana.chat.sendMessage({ roomId: '' })).rejects.toMatchObject(INVALID);
      await expect(ana.chat.sendMessage({ roomId: 'room' })).rejects.toMatchObject(INVALID);
    });
  });

  describe('EditMessage', () => {
    test('the author replaces the content; everybody gets the new one', async () => {
      const room = await ana.group([ben]);
      const before = await say(ana, room);
      const listener = await ben.listen(room.id);
      const { message, success } = await ana.chat.editMessage({ messageId: before.id, newContent: 'bmV3' });
      expect(success).toBe(true);
      expect(message).toMatchObject({
        id: before.id,
        content: 'bmV3',
        edited: true,
        sequence: before.sequence,
      });
      expect(message?.createdAt).toBe(before.createdAt);
      expect((await listener.take(1))[0]?.event).toMatchObject({
        case: 'updateMessage',
        value: { id: before.id, content: 'bmV3', edited: true, updatedAt: message?.updatedAt },
      });
    });

    test('nobody else, nothing deleted, nothing of the service', async () => {
      const room = await ana.group([ben]);
      const message = await say(ana, room);
      const edit = (person: Person, messageId: string): Promise<unknown> =>
        person.chat.editMessage({ messageId, newContent: 'x' });
      await expect(edit(ben, message.id)).rejects.toMatchObject(DENIED);
      await expect(edit(stranger, message.id)).rejects.toMatchObject(NOT_FOUND);
      await expect(edit(ana, randomUUID())).rejects.toMatchObject(NOT_FOUND);
      await expect(edit(ana, 'x')).rejects.toMatchObject(INVALID);
      const long = { messageId: message.id, newContent: 'x'.repeat(8193) };
      await expect(ana.chat.editMessage(long)).rejects.toMatchObject(INVALID);
      await ana.chat.updateRoom({ id: room.id, name: 'Renamed' });
      const [system] = (await ana.chat.getMessageHistory({ id: room.id })).items;
      expect(system?.event).toBe('new_name');
      await expect(edit(ana, system?.id ?? '')).rejects.toMatchObject(NOT_FOUND);
      await ana.chat.deleteMessage({ roomId: room.id, messageIds: [message.id] });
      await expect(edit(ana, message.id)).rejects.toMatchObject(NOT_FOUND);
    });

    test('not after leaving', async () => {
      const room = await ana.group([ben]);
      const message = await say(ben, room);
      await ben.chat.leaveRoom({ id: room.id });
      const call = ben.chat.editMessage({ messageId: message.id, newContent: 'x' });
      await expect(call).rejects.toMatchObject(NOT_FOUND);
    });
  });

  describe('DeleteMessage', () => {
    test('one event per message, in the order asked; the message stays as an empty shell', async () => {
      const room = await ana.group([ben]);
      const [one, two] = [await say(ben, room), await say(ben, room)];
      const listener = await ana.listen(room.id);
      const messageIds = [two.id, one.id, two.id.toUpperCase()];
      expect((await ben.chat.deleteMessage({ roomId: room.id, messageIds })).success).toBe(true);
      const events = await listener.take(2);
      expect(events.map(({ event }) => event)).toEqual([
        { case: 'deleteMessage', value: two.id },
        { case: 'deleteMessage', value: one.id },
      ]);
      const shell = await ana.chat.getMessage({ id: one.id });
      expect(shell).toMatchObject({ id: one.id, isDeleted: true, content: '' });
      expect((await ana.chat.getMessageHistory({ id: room.id })).items).toEqual([]);
      expect((await ana.chat.getRoom({ id: room.id })).room).toMatchObject({
        unreadCount: 0,
        lastMessageAt: '',
      });
    });

    test('those who run a group delete anything in it, others only their own', async () => {
      const room = await ana.group([ben, cleo]);
      const [mine, bens] = [await say(ana, room), await say(ben, room)];
      const both = { roomId: room.id, messageIds: [bens.id, mine.id] };
      await expect(ben.chat.deleteMessage(both)).rejects.toMatchObject(DENIED);
      expect((await ben.chat.getMessage({ id: bens.id })).isDeleted).toBe(false);
      await ana.chat.updateParticipantRoom({ id: room.id, participant: cleo.id, role: 'ADMIN' });
      await cleo.chat.deleteMessage(both);
      expect((await ben.chat.getMessage({ id: bens.id })).isDeleted).toBe(true);
    });

    test('in a p2p room only the author deletes', async () => {
      const room = await ana.p2p(cleo);
      const message = await say(cleo, room);
      const request = { roomId: room.id, messageIds: [message.id] };
      await expect(ana.chat.deleteMessage(request)).rejects.toMatchObject(DENIED);
      expect((await cleo.chat.deleteMessage(request)).success).toBe(true);
    });

    test('all ids are messages of the room, or nothing happens', async () => {
      const [room, elsewhere] = [await ana.group([ben]), await ana.group([ben])];
      const [here, there] = [await say(ana, room), await say(ana, elsewhere)];
      for (const bad of [there.id, randomUUID()]) {
        const request = { roomId: room.id, messageIds: [here.id, bad] };
        await expect(ana.chat.deleteMessage(request)).rejects.toMatchObject(NOT_FOUND);
      }
      const malformed = { roomId: room.id, messageIds: [here.id, 'x'] };
      await expect(ana.chat.deleteMessage(malformed)).rejects.toMatchObject(INVALID);
      const many = { roomId: room.id, messageIds: Array.from({ length: 501 }, () => randomUUID()) };
      await expect(ana.chat.deleteMessage(many)).rejects.toMatchObject(INVALID);
      expect((await ana.chat.getMessage({ id: here.id })).isDeleted).toBe(false);
    });

    test('no ids: nothing to do, for members', async () => {
      const room = await ana.group([ben]);
      expect((await ben.chat.deleteMessage({ roomId: room.id })).success).toBe(true);
      await expect(stranger.chat.deleteMessage({ roomId: room.id })).rejects.toMatchObject(NOT_FOUND);
    });
  });

  describe('ReactToMessage', () => {
    test('one reaction per user: set, replaced, removed; each time the message is told again', async () => {
      const room = await ana.group([ben]);
      const { id } = await say(ana, room);
      const listener = await ana.listen(room.id);
      for (const reaction of ['👍', '🎉', '']) await ben.chat.reactToMessage({ messageId: id, reaction });
      const events = await listener.take(3);
      const told = events.map(({ event }) =>
        event.case === 'updateMessage'
          ? event.value.reactions.map((r) => `${r.reactedById} ${r.reaction}`)
          : event,
      );
      expect(told).toEqual([[`${ben.id} 👍`], [`${ben.id} 🎉`], []]);
      const [first] = events;
      expect(first?.event.case === 'updateMessage' && first.event.value.edited).toBe(false);
    });

    test('removing what is not there tells nobody', async () => {
      const room = await ana.group([ben]);
      const message = await say(ana, room);
      const listener = await ana.listen(room.id);
      expect((await ben.chat.reactToMessage({ messageId: message.id })).success).toBe(true);
      await ben.chat.reactToMessage({ messageId: message.id, reaction: 'x' });
      const [event] = await listener.take(1);
      expect(event?.event.case === 'updateMessage' && event.event.value.reactions).toHaveLength(1);
    });

    test('not to what is deleted, hidden or unknown, and not at length', async () => {
      const room = await ana.group([ben]);
      const message = await say(ana, room);
      const react = (person: Person, messageId: string, reaction = '👍'): Promise<unknown> =>
        person.chat.reactToMessage({ messageId, reaction });
      await expect(react(stranger, message.id)).rejects.toMatchObject(NOT_FOUND);
      await expect(react(ben, randomUUID())).rejects.toMatchObject(NOT_FOUND);
      await expect(react(ben, 'x')).rejects.toMatchObject(INVALID);
      await expect(react(ben, message.id, 'x'.repeat(33))).rejects.toMatchObject(INVALID);
      await ana.chat.deleteMessage({ roomId: room.id, messageIds: [message.id] });
      await expect(react(ben, message.id)).rejects.toMatchObject(NOT_FOUND);
    });
  });

  describe('GetMessageHistory and GetMessage', () => {
    let room: Room;
    const messages: MessageData[] = [];

    beforeAll(async () => {
      room = await ana.group([ben]);
      for (let i = 0; i < 5; i++) messages.push(await say(i % 2 === 0 ? ana : ben, room, `bTA${i}`));
    });

    const sequences = async (request: object): Promise<number[]> =>
      (await ben.chat.getMessageHistory({ id: room.id, ...request })).items.map(
        (message) => message.sequence,
      );

    test('newest first', async () => {
      expect(await sequences({})).toEqual([5, 4, 3, 2, 1]);
      const { meta } = await ben.chat.getMessageHistory({ id: room.id });
      expect(meta).toMatchObject({
        totalItems: 5,
        itemCount: 5,
        itemsPerPage: 0,
        totalPages: 1,
        currentPage: 0,
      });
    });

    test('pages, and a cap per room that ignores them', async () => {
      expect(await sequences({ page: 2, limit: 2 })).toEqual([3, 2]);
      const paged = await ben.chat.getMessageHistory({ id: room.id, page: 2, limit: 2 });
      expect(paged.meta).toMatchObject({
        totalItems: 5,
        itemCount: 2,
        itemsPerPage: 2,
        totalPages: 3,
        currentPage: 2,
      });
      const capped = await ben.chat.getMessageHistory({ id: room.id, page: 2, limit: 2, messagesPerRoom: 3 });
      expect(capped.items.map(({ sequence }) => sequence)).toEqual([5, 4, 3]);
      expect(capped.meta).toMatchObject({ totalItems: 0, totalPages: 1, itemsPerPage: 2, currentPage: 2 });
      expect(await sequences({ messagesPerRoom: 4_294_967_295 })).toEqual([5, 4, 3, 2, 1]);
    });

    test('before and after a message, exclusive; unknown ones are ignored, malformed ones refused', async () => {
      const [one, , three, , five] = messages;
      expect(await sequences({ beforeMessageId: three?.id })).toEqual([2, 1]);
      expect(await sequences({ afterMessageId: three?.id.toUpperCase() })).toEqual([5, 4]);
      expect(
        await sequences({ afterMessageId: one?.id, beforeMessageId: five?.id, limit: 2, page: 1 }),
      ).toEqual([4, 3]);
      expect(await sequences({ beforeMessageId: randomUUID() })).toEqual([5, 4, 3, 2, 1]);
      for (const bad of ['', 'x', '5']) {
        await expect(sequences({ beforeMessageId: bad })).rejects.toMatchObject(INVALID);
        await expect(sequences({ afterMessageId: bad })).rejects.toMatchObject(INVALID);
      }
    });

    test('before and after a date, strictly', async () => {
      const { items } = await ben.chat.getMessageHistory({ id: room.id });
      const updatedAt = items[2]?.updatedAt ?? '';
      const after = items.filter((item) => item.updatedAt > updatedAt).map(({ sequence }) => sequence);
      const before = items.filter((item) => item.updatedAt < updatedAt).map(({ sequence }) => sequence);
      expect(await sequences({ afterDate: updatedAt })).toEqual(after);
      expect(await sequences({ beforeDate: updatedAt })).toEqual(before);
      expect(await sequences({ beforeDate: updatedAt.replace('Z', '') })).toEqual(before);
      await expect(sequences({ afterDate: 'yesterday' })).rejects.toMatchObject(INVALID);
      await expect(sequences({ beforeDate: '2024-13-01T00:00:00Z' })).rejects.toMatchObject(INVALID);
    });

    test('each one sees his own state', async () => {
      const fresh = await ana.group([ben]);
      const mine = await say(ana, fresh);
      const [seen] = (await ben.chat.getMessageHistory({ id: fresh.id })).items;
      expect(seen).toMatchObject({ id: mine.id, status: MessageStatus.SENT });
      await ben.chat.markMessagesAsRead({ roomId: fresh.id, messageIds: [mine.id] });
      expect((await ben.chat.getMessage({ id: mine.id })).status).toBe(MessageStatus.READ);
      expect((await ana.chat.getMessage({ id: mine.id })).status).toBe(MessageStatus.READ);
    });

    test('for members only', async () => {
      await expect(stranger.chat.getMessageHistory({ id: room.id })).rejects.toMatchObject(NOT_FOUND);
      await expect(stranger.chat.getMessage({ id: messages[0]?.id ?? '' })).rejects.toMatchObject(NOT_FOUND);
      await expect(ana.chat.getMessage({ id: randomUUID() })).rejects.toMatchObject(NOT_FOUND);
      for (const id of ['', 'x']) {
        await expect(ana.chat.getMessageHistory({ id })).rejects.toMatchObject(INVALID);
        await expect(ana.chat.getMessage({ id })).rejects.toMatchObject(INVALID);
      }
    });
  });
});
