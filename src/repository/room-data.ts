import { create } from '@bufbuild/protobuf';
import {
  type MessageData,
  MessageDataSchema,
  type MessageStatus,
  type Room,
  type RoomParticipant,
  RoomParticipantSchema,
  RoomSchema,
} from '../gen/services/chat/v1/types_pb.ts';

/** How many participants a room shows. */
export const SHOWN_PARTICIPANTS = 5;

/** A room without participants, last message and sequence, and unread count. */
export function toLightRoom(row: RoomRow): Room {
  const room = create(RoomSchema);
  room.id = row.id;
  room.name = row.name ?? '';
  room.description = row.description ?? '';
  room.photoUrl = row.image ?? '';
  room.encryptionData = row.encription_data ?? '';
  room.type = row.type;
  room.role = row.role;
  room.joinAllUser = row.join_all_user;
  room.sendMessage = row.send_message;
  room.addMember = row.add_member;
  room.editGroup = row.edit_group;
  room.createdAt = row.created_at.toISOString();
  room.updatedAt = row.updated_at.toISOString();
  room.isPartnerBlocked = row.is_partner_blocked;
  room.isMuted = row.is_muted;
  room.isPinned = row.is_pinned;
  room.readSequence = row.read_sequence;
  if (row.partner_id !== null) {
    const partner = toParticipant([
      row.partner_id,
      row.partner_name,
      row.partner_phone,
      row.partner_avatar,
      row.partner_role ?? '',
    ]);
    partner.isPartnerBlocked = row.blocked_by_partner ?? false;
    partner.isPartnerMuted = row.muted_by_partner ?? false;
    room.partner = partner;
    room.name = partner.name;
    room.photoUrl = partner.avatar;
  }
  return room;
}

/** A room with everything. */
export function toFullRoom(row: FullRoomRow): Room {
  const room = toLightRoom(row);
  room.lastSequence = row.last_sequence;
  room.unreadCount = row.unread_count;
  room.participants = (row.participants ?? []).map(toParticipant);
  if (row.last_message !== null) {
    room.lastMessage = toLastMessage(row.id, row.last_message);
    room.lastMessageAt = room.lastMessage.createdAt;
  }
  return room;
}

/** A room's participant from its columns. */
export function toParticipant([id, name, phone, avatar, role]: ParticipantJson): RoomParticipant {
  const participant = create(RoomParticipantSchema);
  participant.id = id;
  participant.name = name ?? '';
  participant.phone = phone ?? '';
  participant.avatar = avatar ?? '';
  participant.role = role;
  return participant;
}

/** The preview of behaviour 3.4. */
function toLastMessage(roomId: string, row: LastMessageJson): MessageData {
  const message = create(MessageDataSchema);
  message.id = row.id;
  message.roomId = roomId;
  message.sequence = row.sequence;
  message.senderId = row.sender_id;
  message.senderName = row.sender_name ?? '';
  message.senderPhone = row.sender_phone ?? '';
  message.senderAvatar = row.sender_avatar ?? '';
  message.content = row.content ?? '';
  message.type = row.type;
  if (row.event !== null) message.event = row.event;
  message.createdAt = new Date(row.created_at).toISOString();
  message.updatedAt = new Date(row.updated_at).toISOString();
  message.status = row.status;
  return message;
}

/** What a store knows of a room as a member sees it, in light view. */
export interface RoomRow {
  readonly id: string;
  readonly name: string | null;
  readonly description: string | null;
  readonly image: string | null;
  readonly encription_data: string | null;
  readonly type: string;
  readonly join_all_user: boolean;
  readonly send_message: boolean;
  readonly add_member: boolean;
  readonly edit_group: boolean;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly role: string;
  readonly is_pinned: boolean;
  readonly is_muted: boolean;
  readonly is_partner_blocked: boolean;
  readonly read_sequence: number;
  readonly partner_id: number | null;
  readonly partner_name: string | null;
  readonly partner_phone: string | null;
  readonly partner_avatar: string | null;
  readonly partner_role: string | null;
  readonly blocked_by_partner: boolean | null;
  readonly muted_by_partner: boolean | null;
}

/** The same in full view. */
export interface FullRoomRow extends RoomRow {
  readonly last_sequence: number;
  readonly unread_count: number;
  readonly last_message: LastMessageJson | null;
  readonly participants: readonly ParticipantJson[] | null;
}

/** User id, name, phone, avatar, role. */
export type ParticipantJson = readonly [number, string | null, string | null, string | null, string];

/** The newest undeleted message; times may be ISO text. */
export interface LastMessageJson {
  readonly id: string;
  readonly sequence: number;
  readonly sender_id: number;
  readonly sender_name: string | null;
  readonly sender_phone: string | null;
  readonly sender_avatar: string | null;
  readonly content: string | null;
  readonly type: string;
  readonly event: string | null;
  readonly created_at: string | Date;
  readonly updated_at: string | Date;
  readonly status: MessageStatus;
}
