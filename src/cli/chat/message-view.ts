import { decryptMessage } from '../../crypto/message-cipher.ts';
import type { RoomKey } from '../../crypto/room-keys.ts';
import { type MessageData, MessageStatus } from '../../gen/services/chat/v1/types_pb.ts';
import type { People } from './people.ts';
import { harmless } from './text.ts';

/** Where a message of one's own stands. */
export type Tick = 'pending' | 'sent' | 'read' | 'failed';

/** A message as it is shown. Nothing in it can steer a terminal. */
export interface MessageView {
  readonly senderId: number;
  readonly name: string;
  /** Undefined: can't be decrypted. */
  readonly text: string | undefined;
  /** Undefined: somebody else's. */
  readonly tick: Tick | undefined;
  readonly reply: Quote | undefined;
  readonly forwardedFrom: string | undefined;
  /** An emoji and who chose it, each. */
  readonly reactions: readonly string[];
  readonly edited: boolean;
  readonly deleted: boolean;
  /** Why it was not sent. */
  readonly problem: string | undefined;
}

/** What a message answers. */
export interface Quote {
  readonly name: string;
  /** Undefined: can't be decrypted. */
  readonly text: string | undefined;
}

/** Who reads a room's messages, and with which key; without one everything is locked. */
export interface Reader {
  readonly me: number;
  readonly people: People;
  readonly key: RoomKey | undefined;
}

/** A message of a user as it is shown. */
export function viewOf(message: MessageData, reader: Reader): MessageView {
  const { people, me } = reader;
  const { reply, forwardedMessageSenderName: author } = message;
  return {
    senderId: message.senderId,
    name: people.nameOf(message.senderId),
    text: textOf(message, reader),
    tick: message.senderId === me ? tickOf(message) : undefined,
    reply: reply && { name: people.nameOf(reply.senderId), text: textOf(reply, reader) },
    forwardedFrom: author === undefined || author === '' ? undefined : harmless(author),
    reactions: reactionsOf(message, people),
    edited: message.edited,
    deleted: message.isDeleted,
    problem: undefined,
  };
}

/** An own message that is on its way. */
export function draftView(text: string, reply: Quote | undefined, { me, people }: Reader): MessageView {
  return {
    senderId: me,
    name: people.nameOf(me),
    text: harmless(text),
    tick: 'pending',
    reply,
    forwardedFrom: undefined,
    reactions: [],
    edited: false,
    deleted: false,
    problem: undefined,
  };
}

/** What a system message tells, in words. */
export function systemText({ event = '', content, senderId }: MessageData, { me, people }: Reader): string {
  const actor = senderId === me ? 'you' : people.nameOf(senderId);
  switch (event) {
    case 'new_member':
      return `${actor} added ${people.nameOfPhone(content)}`;
    case 'remove_member': {
      const who = people.nameOfPhone(content);
      return who === people.nameOf(senderId) ? `${actor} left` : `${actor} removed ${who}`;
    }
    case 'new_name':
      return `${actor} named the room “${harmless(content)}”`;
    case 'new_photo':
      return `${actor} changed the room's picture`;
    default:
      return harmless(`${event}: ${content}`);
  }
}

/** A message in one line, for the list of rooms. */
export function previewOf(message: MessageData, reader: Reader): string {
  if (message.type === 'system_message') return systemText(message, reader);
  const text = message.isDeleted ? 'deleted' : (textOf(message, reader) ?? '🔒');
  return `${reader.people.firstNameOf(message.senderId)}: ${text}`;
}

/** What the service says about an own message. */
export function tickOf({ status }: MessageData): Tick {
  return status === MessageStatus.READ ? 'read' : 'sent';
}

function textOf(message: MessageData, { key }: Reader): string | undefined {
  if (message.content === '') return attachment(message);
  try {
    return key === undefined ? undefined : harmless(decryptMessage(message.content, key));
  } catch {
    return undefined;
  }
}

function reactionsOf({ reactions }: MessageData, people: People): string[] {
  const byEmoji = Map.groupBy(reactions, ({ reaction }) => harmless(reaction));
  return [...byEmoji].map(
    ([emoji, all]) =>
      `${emoji} ${all.map(({ reactedById }) => people.firstNameOf(Number(reactedById))).join(', ')}`,
  );
}

/** A message without text. */
function attachment({ file, locationName, contactName, contactPhone }: MessageData): string {
  if (file !== undefined) return harmless(`📎 ${file}`);
  if (locationName !== undefined) return harmless(`📍 ${locationName}`);
  if (contactName !== undefined) return harmless(`👤 ${contactName} ${contactPhone ?? ''}`.trimEnd());
  return '';
}
