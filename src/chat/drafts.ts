import type { SendMessageRequest } from '../gen/services/chat/v1/types_pb.ts';
import type { NewMessage } from '../repository/rooms-repository.ts';
import { invalidRequest } from './errors.ts';
import {
  type ChatLimits,
  MAX_DESCRIPTION_CHARS,
  MAX_NAME_CHARS,
  MAX_SENDER_MESSAGE_ID_CHARS,
  MAX_TAG_CHARS,
  MAX_URL_CHARS,
} from './limits.ts';
import { checkClientEvent } from './message-rules.ts';
import {
  optionalFinite,
  optionalText,
  optionalUuid,
  present,
  text,
  userIdFromText,
  uuid,
} from './validation.ts';

/** A message whose every field is well-formed; nothing is known yet about its room and references. */
export type Draft = Omit<NewMessage, 'id' | 'sender' | 'contentDecrypted' | 'forward' | 'push'> & {
  readonly forwardId?: string;
};

/** Reads a request; the type is ours, lifetime and origin have defaults, an empty client-side id is none. */
export function readDraft(request: SendMessageRequest, limits: ChatLimits): Draft {
  checkClientEvent(request.event);
  return {
    roomId: uuid(request.roomId),
    content: text(request.content, limits.maxContentChars),
    lifetime: optionalText(request.lifetime, MAX_NAME_CHARS) ?? 'normal',
    origin: optionalText(request.origin, MAX_NAME_CHARS) ?? 'app',
    mentions: readMentions(request.mentions, limits.maxParticipantsPerCall),
    ...present({
      replyId: optionalUuid(request.replyId),
      forwardId: optionalUuid(request.forwardId),
      locationName: optionalText(request.locationName, MAX_NAME_CHARS),
      locationLatitude: optionalFinite(request.locationLatitude),
      locationLongitude: optionalFinite(request.locationLongitude),
      contactName: optionalText(request.contactName, MAX_NAME_CHARS),
      contactPhone: optionalText(request.contactPhone, MAX_NAME_CHARS),
      file: optionalText(request.file, MAX_URL_CHARS),
      event: optionalText(request.event, MAX_DESCRIPTION_CHARS),
      senderMessageId: optionalText(request.senderMessageId, MAX_SENDER_MESSAGE_ID_CHARS) || undefined,
    }),
  };
}

function readMentions(mentions: SendMessageRequest['mentions'], max: number): NewMessage['mentions'] {
  if (mentions.length > max) throw invalidRequest();
  const distinct = new Map<string, { readonly userId: number; readonly tag: string }>();
  for (const mention of mentions) {
    const userId = userIdFromText(mention.user);
    const tag = text(mention.tag, MAX_TAG_CHARS);
    distinct.set(`${userId} ${tag}`, { userId, tag });
  }
  return [...distinct.values()];
}
