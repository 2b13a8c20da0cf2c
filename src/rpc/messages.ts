import type { ServiceImpl } from '@connectrpc/connect';
import type { ChatService } from '../gen/services/chat/v1/service_pb.ts';
import { type RpcDeps, unary } from './deps.ts';

type MessageRoutes = Pick<
  ServiceImpl<typeof ChatService>,
  | 'sendMessage'
  | 'editMessage'
  | 'deleteMessage'
  | 'reactToMessage'
  | 'getMessage'
  | 'getMessageHistory'
  | 'getSenderMessage'
  | 'getMessageRead'
  | 'getMessageReactions'
  | 'markMessagesAsRead'
>;

/** Messages, reactions and receipts. */
export function messageRoutes({ chat: { messages, receipts } }: RpcDeps): MessageRoutes {
  return {
    sendMessage: unary(messages.sendMessage),
    editMessage: unary(messages.editMessage),
    deleteMessage: unary(messages.deleteMessage),
    reactToMessage: unary(messages.reactToMessage),
    getMessage: unary(messages.getMessage),
    getMessageHistory: unary(messages.getMessageHistory),
    getSenderMessage: unary(receipts.getSenderMessage),
    getMessageRead: unary(receipts.getMessageRead),
    getMessageReactions: unary(receipts.getMessageReactions),
    markMessagesAsRead: unary(receipts.markMessagesAsRead),
  };
}
