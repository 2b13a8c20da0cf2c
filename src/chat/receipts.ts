import { create } from '@bufbuild/protobuf';
import type { Caller } from '../auth/caller.ts';
import {
  type GetMessageReactionsRequest,
  type GetMessageReactionsResponse,
  GetMessageReactionsResponseSchema,
  type GetMessageReadRequest,
  type GetMessageReadResponse,
  GetMessageReadResponseSchema,
  type GetSenderMessageRequest,
  type GetSenderMessageResponse,
  GetSenderMessageResponseSchema,
  type MarkMessagesAsReadRequest,
  type MarkMessagesAsReadResponse,
  MarkMessagesAsReadResponseSchema,
} from '../gen/services/chat/v1/types_pb.ts';
import type { RoomsRepository } from '../repository/rooms-repository.ts';
import { notFound } from './errors.ts';
import { MAX_ITEMS_PER_PAGE, MAX_MESSAGE_IDS, MAX_SENDER_MESSAGE_ID_CHARS } from './limits.ts';
import { lightRoom } from './members.ts';
import { clampPaging, paginationMeta } from './paging.ts';
import { seconds } from './time.ts';
import { text, uuid, uuids } from './validation.ts';

/** Who read what, and how authors learn about it (behaviour 1.4.18–1.4.21). Refusals are ChatErrors. */
export interface ReceiptsService {
  markMessagesAsRead(caller: Caller, request: MarkMessagesAsReadRequest): Promise<MarkMessagesAsReadResponse>;
  getSenderMessage(caller: Caller, request: GetSenderMessageRequest): Promise<GetSenderMessageResponse>;
  getMessageRead(caller: Caller, request: GetMessageReadRequest): Promise<GetMessageReadResponse>;
  getMessageReactions(
    caller: Caller,
    request: GetMessageReactionsRequest,
  ): Promise<GetMessageReactionsResponse>;
}

/** The rules of receipts over a repository. */
export function createReceipts(rooms: RoomsRepository): ReceiptsService {
  return {
    async markMessagesAsRead(caller, request) {
      const roomId = uuid(request.roomId);
      const messageIds = uuids(request.messageIds, MAX_MESSAGE_IDS);
      const markedCount = await mark(caller, roomId, messageIds);
      return create(MarkMessagesAsReadResponseSchema, { success: true, markedCount });
    },

    async getSenderMessage(caller, request) {
      const senderMessageId = text(request.senderMessageId, MAX_SENDER_MESSAGE_ID_CHARS);
      if (senderMessageId === '') throw notFound();
      const status = await rooms.getSenderMessageStatus(caller.userId, senderMessageId);
      if (status === undefined) throw notFound();
      return create(GetSenderMessageResponseSchema, { status });
    },

    async getMessageRead(caller, request) {
      const messageId = await ownMessage(caller, request.id);
      const paging = clampPaging(request, MAX_ITEMS_PER_PAGE);
      const page = await rooms.getMessageRead(messageId, paging);
      return create(GetMessageReadResponseSchema, { items: page.items, meta: paginationMeta(paging, page) });
    },

    async getMessageReactions(caller, request) {
      const messageId = await ownMessage(caller, request.id);
      const paging = clampPaging(request, MAX_ITEMS_PER_PAGE);
      const page = await rooms.getMessageReactions(messageId, paging);
      const meta = paginationMeta(paging, page);
      return create(GetMessageReactionsResponseSchema, { items: page.items, meta });
    },
  };

  async function mark(caller: Caller, roomId: string, messageIds: readonly string[]): Promise<number> {
    if (messageIds.length > 0) {
      return await rooms.markMessagesAsRead(caller, roomId, messageIds, seconds(new Date()));
    }
    await lightRoom(rooms, caller.userId, roomId);
    return 0;
  }

  /** Only the author learns who read and who reacted; to everybody else the message is not there. */
  async function ownMessage(caller: Caller, id: string): Promise<string> {
    const messageId = uuid(id);
    const message = await rooms.getMessage(caller.userId, messageId);
    if (message?.senderId !== caller.userId) throw notFound();
    return messageId;
  }
}
