import { randomUUID } from 'node:crypto';
import { v1 as uuidv1 } from 'uuid';
import { describe, expect, it } from 'vitest';
import { MessageStatus } from '../../src/gen/services/chat/v1/types_pb.ts';
import type { ReadsContext } from '../support/seeded-rooms.ts';

/** One message as a member sees it. */
export function exerciseMessageReads(context: ReadsContext): void {
  describe('a message', () => {
    it('is answered with everything that was stored', async () => {
      const { repository, seeded } = context;
      const [author = 0, member = 0, contact = 0] = await seeded.users(3);
      const { id: roomId } = await seeded.room(author, [member]);
      const sent = await seeded.send(roomId, author, {
        content: 'cipher',
        lifetime: 'once',
        origin: 'web',
        locationName: 'Peak',
        locationLatitude: 41.5,
        locationLongitude: -0.25,
        contactName: 'Friend',
        contactPhone: `+${contact}`,
        file: 'https://example.org/a.png',
        event: 'poll',
        senderMessageId: `client-${author}`,
      });
      const message = await repository.getMessage(member, sent.id);
      expect(message).toEqual({
        $typeName: 'services.chat.v1.MessageData',
        id: sent.id,
        roomId,
        sequence: 1,
        senderId: author,
        senderName: `User ${author}`,
        senderPhone: `+${author}`,
        senderAvatar: `${author}.png`,
        content: 'cipher',
        status: MessageStatus.SENT,
        type: 'user_message',
        edited: false,
        isDeleted: false,
        lifetime: 'once',
        origin: 'web',
        locationName: 'Peak',
        locationLatitude: 41.5,
        locationLongitude: -0.25,
        contactId: String(contact),
        contactName: 'Friend',
        contactPhone: `+${contact}`,
        file: 'https://example.org/a.png',
        event: 'poll',
        senderMessageId: `client-${author}`,
        mentions: [],
        reactions: [],
        createdAt: sent.createdAt,
        updatedAt: sent.updatedAt,
      });
      expect(message).toEqual(sent);
    });

    it('leaves out what was not stored', async () => {
      const { repository, seeded } = context;
      const [author = 0, member = 0] = await seeded.users(2, [{ phone: undefined, avatar: undefined }]);
      const { id } = await seeded.room(author, [member]);
      const sent = await seeded.send(id, author);
      const message = await repository.getMessage(author, sent.id);
      expect(message).toEqual(sent);
      expect(message).toMatchObject({ senderPhone: '', senderAvatar: '' });
      const optional = [
        'reply',
        'forwardedMessageId',
        'forwardedMessageSenderId',
        'locationLatitude',
        'contactId',
        'file',
        'event',
      ];
      for (const field of optional) expect(message).not.toHaveProperty(field);
    });

    it('shows the message that it replies to, and empties that when it is deleted', async () => {
      const { repository, seeded } = context;
      const [author = 0, member = 0] = await seeded.users(2);
      const { id } = await seeded.room(author, [member]);
      const first = await seeded.send(id, member, { content: 'question', file: 'secret.png' });
      const answer = await seeded.send(id, author, { replyId: first.id });
      expect(answer.reply).toMatchObject({
        id: first.id,
        roomId: id,
        sequence: 1,
        senderId: member,
        senderName: `User ${member}`,
        senderPhone: `+${member}`,
        senderAvatar: `${member}.png`,
        content: 'question',
        type: 'user_message',
        isDeleted: false,
        createdAt: first.createdAt,
        updatedAt: first.updatedAt,
      });
      await seeded.delete(id, member, [first.id]);
      const after = await repository.getMessage(author, answer.id);
      expect(after?.reply).toMatchObject({ id: first.id, content: '', isDeleted: true });
    });

    it('shows whose message was forwarded', async () => {
      const { repository, seeded } = context;
      const [author = 0, member = 0, origin = 0, bare = 0] = await seeded.users(4, [
        {},
        {},
        {},
        { phone: undefined },
      ]);
      const { id } = await seeded.room(author, [member]);
      const messageId = uuidv1();
      const sent = await seeded.send(id, author, { forward: { messageId, senderId: origin } });
      expect(await repository.getMessage(member, sent.id)).toMatchObject({
        forwardedMessageId: messageId,
        forwardedMessageSenderId: origin,
        forwardedMessageSenderName: `User ${origin}`,
        forwardedMessageSenderPhone: `+${origin}`,
        forwardedMessageSenderAvatar: `${origin}.png`,
      });
      const ofBare = await seeded.send(id, author, { forward: { messageId, senderId: bare } });
      expect(ofBare).toMatchObject({ forwardedMessageSenderId: bare, forwardedMessageSenderPhone: '' });
    });

    it('shows mentions and reactions', async () => {
      const { repository, seeded } = context;
      const [author = 0, member = 0, third = 0] = await seeded.users(3, [{}, { phone: undefined }]);
      const { id } = await seeded.room(author, [member, third]);
      const { id: messageId } = await seeded.send(id, author, {
        mentions: [
          { userId: member, tag: '@a' },
          { userId: member, tag: '@b' },
          { userId: third, tag: '@c' },
        ],
      });
      await seeded.react(third, messageId, '👍');
      await seeded.react(member, messageId, '🎉');
      await seeded.react(author, messageId, '🤔');
      await seeded.react(author, messageId, '');
      const message = await repository.getMessage(author, messageId);
      expect(message?.mentions).toMatchObject([
        { id: String(member), name: `User ${member}`, phone: '', tag: '@a', messageId },
        { id: String(member), tag: '@b' },
        { id: String(third), name: `User ${third}`, phone: `+${third}`, tag: '@c' },
      ]);
      expect(message?.reactions).toMatchObject([
        { reactedById: String(third), reaction: '👍', messageId },
        { reactedById: String(member), reaction: '🎉', messageId },
      ]);
    });

    it('is emptied when it is deleted', async () => {
      const { repository, seeded } = context;
      const [author = 0, member = 0, contact = 0] = await seeded.users(3);
      const { id } = await seeded.room(author, [member]);
      const sent = await seeded.send(id, author, {
        content: 'secret',
        file: 'secret.png',
        locationName: 'Home',
        locationLatitude: 1,
        locationLongitude: 2,
        contactName: 'Friend',
        contactPhone: `+${contact}`,
        mentions: [{ userId: member, tag: '@secret' }],
      });
      await seeded.delete(id, author, [sent.id]);
      const message = await repository.getMessage(member, sent.id);
      expect(message).toMatchObject({
        id: sent.id,
        isDeleted: true,
        content: '',
        sequence: 1,
        senderId: author,
        mentions: [],
      });
      const gone = [
        'file',
        'locationName',
        'locationLatitude',
        'locationLongitude',
        'contactId',
        'contactName',
        'contactPhone',
      ];
      for (const field of gone) expect(message).not.toHaveProperty(field);
      expect(JSON.stringify(message)).not.toContain('secret');
    });

    it('is there for active members only', async () => {
      const { repository, seeded } = context;
      const [owner = 0, member = 0, stranger = 0] = await seeded.users(3);
      const { id: roomId } = await seeded.room(owner, [member]);
      const { id } = await seeded.send(roomId, owner);
      expect(await repository.getMessage(stranger, id)).toBeUndefined();
      expect(await repository.getMessage(owner, randomUUID())).toBeUndefined();
      await seeded.remove(roomId, owner, [member]);
      expect(await repository.getMessage(member, id)).toBeUndefined();
      await seeded.dissolve(roomId, owner);
      expect(await repository.getMessage(owner, id)).toBeUndefined();
    });
  });
}
