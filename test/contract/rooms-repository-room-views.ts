import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { MessageStatus } from '../../src/gen/services/chat/v1/types_pb.ts';
import { actor, type ReadsContext } from '../support/seeded-rooms.ts';

/** One room as its members see it. */
export function exerciseRoomViews(context: ReadsContext): void {
  describe('a room', () => {
    it('shows a group to a member with his role, its columns and the first five members by name', async () => {
      const { repository, seeded } = context;
      const names = ['Eva', 'Ben', 'Dan', 'Ana', 'Cid', 'Fay'];
      const [owner = 0, ...others] = await seeded.users(
        6,
        names.map((name) => ({ name })),
      );
      const { id } = await seeded.room(owner, others, {
        name: 'Climbers',
        description: 'On rocks',
        photoUrl: 'rock.png',
        encryptionData: 'blob',
        sendMessage: false,
        addMember: true,
        editGroup: true,
      });
      const room = await repository.getRoom(others[0] ?? 0, id, 'full');
      expect(room).toMatchObject({
        id,
        type: 'group',
        name: 'Climbers',
        description: 'On rocks',
        photoUrl: 'rock.png',
        encryptionData: 'blob',
        role: 'MEMBER',
        joinAllUser: false,
        sendMessage: false,
        addMember: true,
        editGroup: true,
        isPinned: false,
        isMuted: false,
        isPartnerBlocked: false,
        unreadCount: 0,
        lastMessageAt: '',
        lastSequence: 0,
        readSequence: 0,
      });
      expect(room?.participants.map(({ name, role }) => [name, role])).toEqual([
        ['Ana', 'MEMBER'],
        ['Ben', 'MEMBER'],
        ['Cid', 'MEMBER'],
        ['Dan', 'MEMBER'],
        ['Eva', 'OWNER'],
      ]);
      expect(room).not.toHaveProperty('partner');
      expect(room).not.toHaveProperty('lastMessage');
      expect(room?.createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      await seeded.remove(id, owner, others.slice(0, 3));
      const fewer = await repository.getRoom(owner, id, 'full');
      expect(fewer?.participants.map(({ name }) => name)).toEqual(['Cid', 'Eva', 'Fay']);
      expect(fewer?.role).toBe('OWNER');
    });

    it('shows empty text for what users lack', async () => {
      const { repository, seeded } = context;
      const { id: one = 0, other = 0 } = await pairWithoutDetails(context);
      const group = await seeded.room(one, [other]);
      const p2p = await seeded.p2p(one, other);
      for (const id of [group.id, p2p.id]) await seeded.send(id, other);
      const inGroup = await repository.getRoom(one, group.id, 'full');
      expect(inGroup?.participants.map(({ phone, avatar }) => [phone, avatar])).toEqual([
        ['', ''],
        ['', ''],
      ]);
      expect(inGroup?.lastMessage).toMatchObject({ senderPhone: '', senderAvatar: '' });
      expect(await repository.getRoom(one, p2p.id, 'full')).toMatchObject({
        name: 'Bare',
        photoUrl: '',
        partner: { id: other, phone: '', avatar: '' },
      });
    });

    it.each(['full', 'light'] as const)('shows the partner of a p2p room in %s view', async (view) => {
      const { repository, seeded } = context;
      const [one = 0, other = 0] = await seeded.users(2);
      const { id } = await seeded.p2p(one, other);
      const partnerOf = async (userId: number): Promise<unknown> => {
        const room = await repository.getRoom(userId, id, view);
        return { flags: [room?.isPartnerBlocked, room?.isMuted], partner: room?.partner };
      };
      expect(await repository.getRoom(one, id, view)).toMatchObject({
        type: 'p2p',
        name: `User ${other}`,
        photoUrl: `${other}.png`,
        role: 'OWNER',
        participants: [],
        partner: {
          id: other,
          name: `User ${other}`,
          phone: `+${other}`,
          avatar: `${other}.png`,
          role: 'MEMBER',
        },
      });
      await repository.blockUser(actor(other), id, () => ({
        actor: { isPartnerBlocked: true },
        effects: [],
      }));
      await repository.muteRoom(actor(other), id, () => ({ actor: { isMuted: true }, effects: [] }));
      expect(await partnerOf(one)).toMatchObject({
        flags: [false, false],
        partner: { isPartnerBlocked: true, isPartnerMuted: true },
      });
      expect(await partnerOf(other)).toMatchObject({
        flags: [true, true],
        partner: { id: one, isPartnerBlocked: false, isPartnerMuted: false },
      });
    });

    it('is light without participants, last message and sequence, and unread count', async () => {
      const { repository, seeded } = context;
      const [one = 0, other = 0] = await seeded.users(2);
      const { id } = await seeded.room(one, [other]);
      await seeded.send(id, other);
      const room = await repository.getRoom(one, id, 'light');
      expect(room).toMatchObject({ id, role: 'OWNER', lastSequence: 0, participants: [], unreadCount: 0 });
      expect(room).not.toHaveProperty('lastMessage');
    });

    it('answers each of many concurrent light views for itself', async () => {
      const { repository, seeded } = context;
      const users = await seeded.users(8);
      const [owner = 0, ...others] = users;
      const rooms = await Promise.all(others.map(async (other) => await seeded.room(owner, [other])));
      const questions = rooms.flatMap(({ id }) => users.map((userId) => ({ id, userId })));
      const views = await Promise.all(
        questions.map(async ({ id, userId }) => await repository.getRoom(userId, id, 'light')),
      );
      const expected = questions.map(({ id, userId }) => {
        if (userId === owner) return `${id} OWNER`;
        return others[rooms.findIndex((room) => room.id === id)] === userId ? `${id} MEMBER` : undefined;
      });
      expect(views.map((room) => room && `${room.id} ${room.role}`)).toEqual(expected);
    });

    it.each(['full', 'light'] as const)('is there for active members only, in %s view', async (view) => {
      const { repository, seeded } = context;
      const [owner = 0, member = 0, stranger = 0] = await seeded.users(3);
      const { id } = await seeded.room(owner, [member]);
      expect(await repository.getRoom(stranger, id, view)).toBeUndefined();
      expect(await repository.getRoom(owner, randomUUID(), view)).toBeUndefined();
      await seeded.remove(id, owner, [member]);
      expect(await repository.getRoom(member, id, view)).toBeUndefined();
      await seeded.add(id, owner, [member]);
      expect((await repository.getRoom(member, id, view))?.role).toBe('MEMBER');
      await seeded.dissolve(id, owner);
      expect(await repository.getRoom(owner, id, view)).toBeUndefined();
    });

    it('counts as unread what others wrote after the join and after the read position, unless deleted', async () => {
      const { repository, seeded } = context;
      const [owner = 0, member = 0, late = 0] = await seeded.users(3);
      const { id } = await seeded.room(owner, [member]);
      const first = await seeded.send(id, owner);
      await seeded.send(id, member);
      await seeded.add(id, owner, [late]);
      const third = await seeded.send(id, owner);
      const fourth = await seeded.send(id, owner);
      const unread = async (): Promise<unknown> => {
        const views = await Promise.all(
          [owner, member, late].map((user) => repository.getRoom(user, id, 'full')),
        );
        return views.map((room) => [room?.unreadCount, room?.readSequence]);
      };
      expect(await unread()).toEqual([
        [1, 0],
        [3, 0],
        [2, 0],
      ]);
      await seeded.delete(id, owner, [fourth.id]);
      await seeded.read(id, member, [first.id]);
      expect(await unread()).toEqual([
        [1, 0],
        [1, 1],
        [1, 0],
      ]);
      await seeded.read(id, late, [third.id]);
      expect(await unread()).toEqual([
        [1, 0],
        [1, 1],
        [0, 3],
      ]);
    });

    it('shows the newest undeleted message, system messages included', async () => {
      const { repository, seeded } = context;
      const [owner = 0, member = 0] = await seeded.users(2);
      const { id } = await seeded.room(owner, [member]);
      const first = await seeded.send(id, owner, { content: 'first', event: 'poll' });
      const second = await seeded.send(id, member, { content: 'second' });
      expect((await repository.getRoom(owner, id, 'full'))?.lastMessage?.id).toBe(second.id);
      await seeded.delete(id, member, [second.id]);
      const room = await repository.getRoom(member, id, 'full');
      expect(room?.lastMessageAt).toBe(first.createdAt);
      expect(room?.lastSequence).toBe(2);
      expect(room?.lastMessage).toMatchObject({
        id: first.id,
        roomId: id,
        sequence: 1,
        senderId: owner,
        senderName: `User ${owner}`,
        senderPhone: `+${owner}`,
        senderAvatar: `${owner}.png`,
        content: 'first',
        type: 'user_message',
        event: 'poll',
        createdAt: first.createdAt,
        updatedAt: first.updatedAt,
      });
      await repository.updateRoom(actor(owner), id, () => ({
        room: { name: 'New' },
        effects: [{ kind: 'system_message', event: 'new_name', content: 'New' }],
      }));
      const renamed = await repository.getRoom(member, id, 'full');
      expect(renamed?.lastMessage).toMatchObject({
        type: 'system_message',
        event: 'new_name',
        content: 'New',
      });
    });

    it('shows the last message with the status that its viewer sees', async () => {
      const { repository, seeded } = context;
      const [author = 0, reader = 0, other = 0] = await seeded.users(3);
      const { id } = await seeded.room(author, [reader, other]);
      const message = await seeded.send(id, author);
      const statuses = async (): Promise<unknown> => {
        const views = await Promise.all(
          [author, reader, other].map((user) => repository.getRoom(user, id, 'full')),
        );
        return views.map((room) => room?.lastMessage?.status);
      };
      const { SENT, READ } = MessageStatus;
      expect(await statuses()).toEqual([SENT, SENT, SENT]);
      await seeded.read(id, reader, [message.id]);
      expect(await statuses()).toEqual([READ, READ, SENT]);
    });

    it('tells which users are active members, and their roles', async () => {
      const { repository, seeded } = context;
      const [owner = 0, member = 0, gone = 0, stranger = 0] = await seeded.users(4);
      const { id } = await seeded.room(owner, [member, gone]);
      await seeded.remove(id, owner, [gone]);
      expect(await repository.getActiveMembers(id, [stranger, gone, member, owner])).toEqual(
        new Map([
          [owner, 'OWNER'],
          [member, 'MEMBER'],
        ]),
      );
      expect(await repository.getActiveMembers(id, [])).toEqual(new Map());
      expect(await repository.getActiveMembers(randomUUID(), [owner])).toEqual(new Map());
    });
  });

  async function pairWithoutDetails({ seeded }: ReadsContext): Promise<{ id: number; other: number }> {
    const lacking = { name: 'Bare', phone: undefined, avatar: undefined };
    const [id = 0, other = 0] = await seeded.users(2, [lacking, lacking]);
    return { id, other };
  }
}
