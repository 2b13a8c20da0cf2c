import { create } from '@bufbuild/protobuf';
import {
  MentionSchema,
  type MessageData,
  MessageDataSchema,
  type MessageStatus,
  type MessageUserRead,
  MessageUserReadSchema,
  type Reaction,
  ReactionSchema,
} from '../gen/services/chat/v1/types_pb.ts';

/** A message from its row. Optional fields are set only when they are stored; a deleted message keeps only its frame. */
export function toMessage(row: MessageRow): MessageData {
  const message = create(MessageDataSchema);
  message.id = row.id;
  message.roomId = row.room_id;
  message.sequence = row.sequence;
  message.senderId = row.sender_id;
  message.senderName = row.sender_name ?? '';
  message.senderPhone = row.sender_phone ?? '';
  message.senderAvatar = row.sender_avatar ?? '';
  message.status = row.status;
  message.type = row.type;
  message.edited = row.edited;
  message.isDeleted = row.is_deleted;
  message.createdAt = row.created_at.toISOString();
  message.updatedAt = row.updated_at.toISOString();
  if (row.lifetime !== null) message.lifetime = row.lifetime;
  if (row.origin !== null) message.origin = row.origin;
  if (row.event !== null) message.event = row.event;
  if (row.sender_message_id !== null) message.senderMessageId = row.sender_message_id;
  if (row.reply !== null) message.reply = toReply(row.reply);
  if (row.forwarded_message_id !== null) message.forwardedMessageId = row.forwarded_message_id;
  if (row.forwarded_sender_id !== null) {
    message.forwardedMessageSenderId = row.forwarded_sender_id;
    const [name, phone, avatar] = row.forwarded_sender ?? [];
    message.forwardedMessageSenderName = name ?? '';
    message.forwardedMessageSenderPhone = phone ?? '';
    message.forwardedMessageSenderAvatar = avatar ?? '';
  }
  if (!row.is_deleted) setContent(message, row);
  return message;
}

/** Sets what a deleted message has lost: all that was said in it and about it. */
function setContent(message: MessageData, row: MessageRow): void {
  message.content = row.content ?? '';
  if (row.audio_transcription !== null) message.audioTranscription = row.audio_transcription;
  if (row.location_name !== null) message.locationName = row.location_name;
  if (row.location_latitude !== null) message.locationLatitude = row.location_latitude;
  if (row.location_longitude !== null) message.locationLongitude = row.location_longitude;
  if (row.contact_id !== null) message.contactId = String(row.contact_id);
  if (row.contact_name !== null) message.contactName = row.contact_name;
  if (row.contact_phone !== null) message.contactPhone = row.contact_phone;
  if (row.file !== null) message.file = row.file;
  for (const [userId, name, phone, tag] of row.mentions ?? []) {
    const mention = create(MentionSchema);
    mention.id = String(userId);
    mention.name = name ?? '';
    mention.phone = phone ?? '';
    mention.tag = tag;
    mention.messageId = row.id;
    message.mentions.push(mention);
  }
  for (const [userId, text] of row.reactions ?? []) {
    const reaction = create(ReactionSchema);
    reaction.reactedById = String(userId);
    reaction.reaction = text ?? '';
    reaction.messageId = row.id;
    message.reactions.push(reaction);
  }
}

function toReply(row: ReplyJson): MessageData {
  const reply = create(MessageDataSchema);
  reply.id = row.id;
  reply.roomId = row.room_id;
  reply.sequence = row.sequence;
  reply.senderId = row.sender_id;
  reply.senderName = row.sender_name ?? '';
  reply.senderPhone = row.sender_phone ?? '';
  reply.senderAvatar = row.sender_avatar ?? '';
  reply.content = row.content ?? '';
  reply.isDeleted = row.is_deleted;
  reply.type = row.type;
  reply.createdAt = new Date(row.created_at).toISOString();
  reply.updatedAt = new Date(row.updated_at).toISOString();
  return reply;
}

/** One who read a message. */
export function toUserRead(row: ReaderRow): MessageUserRead {
  const reader = create(MessageUserReadSchema);
  reader.userId = row.id;
  reader.userName = row.name ?? '';
  reader.userPhone = row.phone ?? '';
  reader.userAvatar = row.avatar ?? '';
  reader.readAt = row.read_at?.toISOString() ?? '';
  return reader;
}

/** A reaction with who reacted. */
export function toReaction(messageId: string, row: ReactorRow): Reaction {
  const reaction = create(ReactionSchema);
  reaction.reaction = row.reaction ?? '';
  reaction.messageId = messageId;
  reaction.reactedById = String(row.id);
  reaction.reactedByName = row.name ?? '';
  reaction.reactedByPhone = row.phone ?? '';
  reaction.reactedByAvatar = row.avatar ?? '';
  return reaction;
}

/** What a store knows of a message, and of the users in it. */
export interface MessageRow {
  readonly id: string;
  readonly room_id: string;
  readonly sequence: number;
  readonly sender_id: number;
  readonly sender_name: string | null;
  readonly sender_phone: string | null;
  readonly sender_avatar: string | null;
  readonly content: string | null;
  readonly audio_transcription: string | null;
  readonly type: string;
  readonly lifetime: string | null;
  readonly origin: string | null;
  readonly location_name: string | null;
  readonly location_latitude: number | null;
  readonly location_longitude: number | null;
  readonly contact_id: number | null;
  readonly contact_name: string | null;
  readonly contact_phone: string | null;
  readonly file: string | null;
  readonly edited: boolean;
  readonly is_deleted: boolean;
  readonly forwarded_message_id: string | null;
  readonly forwarded_sender_id: number | null;
  /** Name, phone, avatar. */
  readonly forwarded_sender: readonly (string | null)[] | null;
  readonly event: string | null;
  readonly sender_message_id: string | null;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly status: MessageStatus;
  readonly reply: ReplyJson | null;
  /** User id, name, phone, tag. */
  readonly mentions: readonly (readonly [number, string | null, string | null, string])[] | null;
  /** Reactor's id, reaction. */
  readonly reactions: readonly (readonly [number, string | null])[] | null;
}

/** The replied message; times may be ISO text. */
export interface ReplyJson {
  readonly id: string;
  readonly room_id: string;
  readonly sequence: number;
  readonly sender_id: number;
  readonly sender_name: string | null;
  readonly sender_phone: string | null;
  readonly sender_avatar: string | null;
  readonly content: string | null;
  readonly is_deleted: boolean;
  readonly type: string;
  readonly created_at: string | Date;
  readonly updated_at: string | Date;
}

/** A user in a list of users. */
interface UserRow {
  readonly id: number;
  readonly name: string | null;
  readonly phone: string | null;
  readonly avatar: string | null;
}

/** A user who read a message; the time is missing when his positions do not tell. */
export interface ReaderRow extends UserRow {
  readonly read_at: Date | null;
}

/** A user who reacted to a message. */
export interface ReactorRow extends UserRow {
  readonly reaction: string | null;
}
