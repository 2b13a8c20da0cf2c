import { create } from '@bufbuild/protobuf';
import { v1 } from 'uuid';
import type { Caller } from '../auth/caller.ts';
import { decryptMessage } from '../crypto/message-cipher.ts';
import type { RoomKeys } from '../crypto/room-keys.ts';
import {
  type DeleteMessageRequest,
  type DeleteMessageResponse,
  DeleteMessageResponseSchema,
  type EditMessageRequest,
  type EditMessageResponse,
  EditMessageResponseSchema,
  type GetMessageHistoryRequest,
  type GetMessageHistoryResponse,
  GetMessageHistoryResponseSchema,
  type GetMessageRequest,
  type MessageData,
  PaginationMetaSchema,
  type ReactToMessageRequest,
  type ReactToMessageResponse,
  ReactToMessageResponseSchema,
  type Room,
  type SendMessageRequest,
  type SendMessageResponse,
  SendMessageResponseSchema,
} from '../gen/services/chat/v1/types_pb.ts';
import type { NewMessage, RoomsRepository } from '../repository/rooms-repository.ts';
import { type Draft, readDraft } from './drafts.ts';
import { ChatError, invalidRequest, notFound } from './errors.ts';
import {
  type ChatLimits,
  MAX_ITEMS_PER_PAGE,
  MAX_MESSAGE_IDS,
  MAX_MESSAGES_PER_ROOM,
  MAX_REACTION_CHARS,
} from './limits.ts';
import { lightRoom } from './members.ts';
import { checkForward, checkMaySend, checkReply, deleteMessages, editMessage } from './message-rules.ts';
import { clampPaging, paginationMeta } from './paging.ts';
import { parseInstant } from './time.ts';
import { optionalUuid, present, text, uuid, uuids } from './validation.ts';

/** Messages and reactions (behaviour 1.4.12–1.4.17). Refusals are ChatErrors. */
export interface MessagesService {
  sendMessage(caller: Caller, request: SendMessageRequest): Promise<SendMessageResponse>;
  editMessage(caller: Caller, request: EditMessageRequest): Promise<EditMessageResponse>;
  deleteMessage(caller: Caller, request: DeleteMessageRequest): Promise<DeleteMessageResponse>;
  reactToMessage(caller: Caller, request: ReactToMessageRequest): Promise<ReactToMessageResponse>;
  getMessage(caller: Caller, request: GetMessageRequest): Promise<MessageData>;
  getMessageHistory(caller: Caller, request: GetMessageHistoryRequest): Promise<GetMessageHistoryResponse>;
}

/** What {@link createMessages} stands on. */
export interface MessagesDeps {
  readonly rooms: RoomsRepository;
  readonly keys: RoomKeys;
  readonly limits: ChatLimits;
  readonly sent?: ((roomType: string) => void) | undefined;
}

/** The rules of messages over a repository. */
export function createMessages({ rooms, keys, limits, sent }: MessagesDeps): MessagesService {
  return {
    async sendMessage(caller, request) {
      const draft = readDraft(request, limits);
      const room = await lightRoom(rooms, caller.userId, draft.roomId);
      const forward = await checkDraft(caller, draft, room);
      const { message, stored } = await rooms.saveMessage(newMessage(caller, draft, room, forward));
      if (stored) sent?.(room.type);
      return create(SendMessageResponseSchema, { success: true, message });
    },

    async editMessage(caller, request) {
      const messageId = uuid(request.messageId);
      const content = text(request.newContent, limits.maxContentChars);
      const edit = { content, ...(await clearTextOfEdit(caller, messageId, content)) };
      const message = await rooms.updateMessage(caller, messageId, editMessage(caller.userId, edit));
      return create(EditMessageResponseSchema, { success: true, message });
    },

    async deleteMessage(caller, request) {
      const roomId = uuid(request.roomId);
      const messageIds = uuids(request.messageIds, MAX_MESSAGE_IDS);
      if (messageIds.length === 0) await lightRoom(rooms, caller.userId, roomId);
      else await rooms.deleteMessages(caller, roomId, messageIds, deleteMessages(caller.userId, messageIds));
      return create(DeleteMessageResponseSchema, { success: true });
    },

    async reactToMessage(caller, request) {
      const messageId = uuid(request.messageId);
      await rooms.reactToMessage(caller, messageId, text(request.reaction, MAX_REACTION_CHARS));
      return create(ReactToMessageResponseSchema, { success: true });
    },

    async getMessage(caller, request) {
      const message = await rooms.getMessage(caller.userId, uuid(request.id));
      if (message === undefined) throw notFound();
      return message;
    },

    async getMessageHistory(caller, request) {
      const roomId = uuid(request.id);
      const paging = clampPaging(request, MAX_ITEMS_PER_PAGE);
      const messagesPerRoom = Math.min(request.messagesPerRoom, MAX_MESSAGES_PER_ROOM);
      const filters = present({
        beforeMessageId: optionalUuid(request.beforeMessageId),
        afterMessageId: optionalUuid(request.afterMessageId),
        beforeDate: request.beforeDate ? parseInstant(request.beforeDate, 'up') : undefined,
        afterDate: request.afterDate ? parseInstant(request.afterDate) : undefined,
      });
      await lightRoom(rooms, caller.userId, roomId);
      const page = await rooms.getMessageHistory(caller.userId, roomId, {
        ...paging,
        messagesPerRoom,
        ...filters,
      });
      // With a cap per room nothing is counted, and the answer is the only page.
      const meta =
        messagesPerRoom > 0
          ? create(PaginationMetaSchema, {
              itemCount: page.items.length,
              itemsPerPage: paging.limit,
              totalPages: 1,
              currentPage: paging.page,
            })
          : paginationMeta(paging, page);
      return create(GetMessageHistoryResponseSchema, { items: page.items, meta });
    },
  };

  /** Holds a draft against its room and references. A repeat of a stored message passes: its first answer stands. */
  async function checkDraft(caller: Caller, draft: Draft, room: Room): Promise<NewMessage['forward']> {
    try {
      checkMaySend(room);
      if (room.type === 'p2p' && draft.mentions.length > 0) throw invalidRequest();
      return await checkReferences(caller, draft);
    } catch (refusal) {
      if (await isRepeat(caller, draft, refusal)) return undefined;
      throw refusal;
    }
  }

  async function checkReferences(caller: Caller, draft: Draft): Promise<NewMessage['forward']> {
    if (draft.replyId !== undefined) {
      checkReply(await rooms.getMessage(caller.userId, draft.replyId), draft.roomId);
    }
    if (draft.mentions.length > 0) {
      const userIds = [...new Set(draft.mentions.map((mention) => mention.userId))];
      const members = await rooms.getActiveMembers(draft.roomId, userIds);
      if (!userIds.every((id) => members.has(id))) throw invalidRequest();
    }
    if (draft.forwardId === undefined) return undefined;
    return checkForward(await rooms.getMessage(caller.userId, draft.forwardId));
  }

  async function isRepeat(caller: Caller, draft: Draft, refusal: unknown): Promise<boolean> {
    if (!(refusal instanceof ChatError) || refusal.reason !== 'invalid_request_data') return false;
    if (draft.senderMessageId === undefined) return false;
    return (await rooms.getSenderMessageStatus(caller.userId, draft.senderMessageId)) !== undefined;
  }

  function newMessage(caller: Caller, draft: Draft, room: Room, forward: NewMessage['forward']): NewMessage {
    const { forwardId: _, ...fields } = draft;
    return {
      ...fields,
      id: v1(),
      sender: caller,
      push: room.partner?.isPartnerMuted !== true,
      ...present({
        forward,
        contentDecrypted: limits.storePlaintext ? clearText(draft.content, room) : undefined,
      }),
    };
  }

  async function clearTextOfEdit(
    caller: Caller,
    messageId: string,
    content: string,
  ): Promise<{ readonly contentDecrypted?: string }> {
    if (!limits.storePlaintext) return {};
    const message = await rooms.getMessage(caller.userId, messageId);
    if (message === undefined) throw notFound();
    const room = await lightRoom(rooms, caller.userId, message.roomId);
    return { contentDecrypted: clearText(content, room) };
  }

  /** Empty when the content is no ciphertext of the room's key: clients may send anything. Stores can't hold NUL. */
  function clearText(content: string, room: Room): string {
    if (content === '') return '';
    try {
      return decryptMessage(content, keys.open(room.encryptionData)).replaceAll('\0', '');
    } catch {
      return '';
    }
  }
}
