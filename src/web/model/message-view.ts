import type { MessageData } from '../../gen/services/chat/v1/types_pb.ts';
import type { MessageView, Person, RoomView } from './model.ts';
import type { People } from './people.ts';
import type { RoomKeys } from './room-keys.ts';
import { tickOf } from './room-view.ts';
import { attachmentText, systemText } from './words.ts';

/** A stored message with what could be read of it. */
export interface ReadMessage {
  readonly message: MessageData;
  /** Undefined: it can't be decrypted. */
  readonly text: string | undefined;
  readonly replyText: string | undefined;
}

/** What a view needs beside the message. */
export interface ViewDeps {
  readonly me: number;
  readonly people: People;
  readonly room: Pick<RoomView, 'kind' | 'role'>;
  /** Somebody has read everything up to this sequence. */
  readonly readUpTo: number;
}

const NOTHING = {
  problem: undefined,
  reply: undefined,
  forwardedFrom: undefined,
  reactions: [],
  mentions: [],
  mentionsMe: false,
  isEdited: false,
  isDeleted: false,
} as const;

/** Decrypts a message and what it answers. */
export async function readMessage(message: MessageData, keys: RoomKeys): Promise<ReadMessage> {
  const { roomId, reply } = message;
  const [text, replyText] = await Promise.all([
    textOf(message, keys),
    reply && textOf({ ...reply, roomId }, keys),
  ]);
  return { message, text, replyText };
}

async function textOf(message: MessageData, keys: RoomKeys): Promise<string | undefined> {
  if (message.type === 'system_message') return '';
  if (message.content === '') return attachmentText(message);
  return await keys.decrypt(message.roomId, message.content);
}

/** A stored message as the page shows it. */
export function messageView({ message, text, replyText }: ReadMessage, deps: ViewDeps): MessageView {
  const { me, people, room, readUpTo } = deps;
  const { id, sequence, isDeleted, reply } = message;
  const isMine = message.senderId === me;
  const isUsers = message.type !== 'system_message';
  const leads = room.kind !== 'p2p' && room.role !== 'MEMBER';
  const mentions = message.mentions.map((mention) => ({
    tag: mention.tag,
    userId: Number(mention.id),
    name: mention.name,
  }));
  return {
    ...NOTHING,
    id,
    key: keyOf(message, me),
    sequence,
    sender: people.byId(message.senderId),
    isMine,
    kind: isUsers ? 'message' : 'system',
    // Names may become known after it was read.
    text: isDeleted ? '' : isUsers ? text : systemText(message, people),
    at: new Date(message.createdAt),
    tick: isMine && isUsers ? (sequence <= readUpTo ? 'read' : tickOf(message.status)) : undefined,
    isEdited: message.edited,
    isDeleted,
    reply: reply && { id: reply.id, senderName: people.nameOf(reply.senderId), text: replyText },
    forwardedFrom: message.forwardedMessageId === undefined ? undefined : message.forwardedMessageSenderName,
    reactions: isDeleted ? [] : reactionsOf(message, me, people),
    mentions,
    mentionsMe: mentions.some(({ userId }) => userId === me),
    may: { edit: isMine && isUsers && !isDeleted, delete: isUsers && !isDeleted && (isMine || leads) },
  };
}

/** What a message that waits shows. */
export function draftView(
  draft: Pick<MessageView, 'key' | 'text' | 'at' | 'tick' | 'problem' | 'reply' | 'mentions'>,
  sender: Person,
): MessageView {
  return {
    ...NOTHING,
    ...draft,
    id: undefined,
    sequence: undefined,
    sender,
    isMine: true,
    kind: 'message',
    may: { edit: false, delete: false },
  };
}

/** The key that a message has had since it was typed, in the tab where it was. */
export function keyOf({ id, senderId, senderMessageId = '' }: MessageData, me: number): string {
  return senderId === me && senderMessageId !== '' ? senderMessageId : id;
}

function reactionsOf({ reactions }: MessageData, me: number, people: People): MessageView['reactions'] {
  const emojis = [...new Set(reactions.map(({ reaction }) => reaction))];
  return emojis.map((emoji) => {
    const ids = reactions
      .filter(({ reaction }) => reaction === emoji)
      .map(({ reactedById }) => Number(reactedById));
    return { emoji, by: ids.map((id) => people.byId(id)), isMine: ids.includes(me) };
  });
}
