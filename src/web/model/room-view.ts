import { MessageStatus, type Room } from '../../gen/services/chat/v1/types_pb.ts';
import type { Role, RoomKind, RoomView, Tick } from './model.ts';

/** What a room's row shows beside what the service says of it. */
export interface RoomExtras {
  readonly me: number;
  /** Of the last message. */
  readonly text: string;
  readonly senderName: string;
  readonly typing: readonly string[];
}

/** A room as the page shows it. */
export function roomView(room: Room, { me, text, senderName, typing }: RoomExtras): RoomView {
  const role = roleOf(room.role);
  const kind = kindOf(room.type);
  const allows = { write: room.sendMessage, addMembers: room.addMember, edit: room.editGroup };
  const leads = role !== 'MEMBER';
  const isBlocked = room.isPartnerBlocked || room.partner?.isPartnerBlocked === true;
  const may =
    kind === 'p2p'
      ? { write: !isBlocked, addMembers: false, edit: false, setRoles: false }
      : {
          write: leads || allows.write,
          addMembers: leads || allows.addMembers,
          edit: leads || allows.edit,
          setRoles: role === 'OWNER',
        };
  const { lastMessage } = room;
  const isMine = lastMessage?.senderId === me;
  return {
    id: room.id,
    kind,
    name: room.name,
    description: room.description,
    picture: room.photoUrl,
    role,
    isPinned: room.isPinned,
    isMuted: room.isMuted,
    isPartnerBlocked: room.isPartnerBlocked,
    unread: room.unreadCount,
    lastMessage: lastMessage && {
      senderName,
      isMine,
      text,
      at: new Date(lastMessage.createdAt),
      tick: isMine && lastMessage.type !== 'system_message' ? tickOf(lastMessage.status) : undefined,
    },
    typing,
    may,
    allows,
  };
}

/** Where a stored message of one's own stands. */
export function tickOf(status: MessageStatus): Tick {
  return status === MessageStatus.READ ? 'read' : 'sent';
}

/** Pinned rooms first, then by activity, newest first. */
export function byActivity(a: Room, b: Room): number {
  if (a.isPinned !== b.isPinned) return a.isPinned ? -1 : 1;
  return activeAt(b) - activeAt(a) || a.id.localeCompare(b.id);
}

/** Whether the name has the searched text in it, case and accents aside. */
export function isFound(name: string, search: string): boolean {
  return plain(name).includes(plain(search.trim()));
}

function activeAt({ lastMessageAt, createdAt }: Room): number {
  return Date.parse(lastMessageAt === '' ? createdAt : lastMessageAt) || 0;
}

function plain(text: string): string {
  return text
    .normalize('NFD')
    .replace(/\p{Mn}/gu, '')
    .toLowerCase();
}

function roleOf(text: string): Role {
  return text === 'OWNER' || text === 'ADMIN' ? text : 'MEMBER';
}

function kindOf(text: string): RoomKind {
  return text === 'p2p' || text === 'channel' ? text : 'group';
}
