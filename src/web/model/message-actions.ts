import type { ChatClient } from '../../client/client.ts';
import { asAction } from './action-error.ts';
import type { Conversation } from './conversation.ts';
import type { Drafts } from './drafts.ts';
import { ActionError, type ChatModel } from './model.ts';
import type { RoomKeys } from './room-keys.ts';

/** What a user can do to messages of the open room. */
export type MessageActions = Pick<ChatModel, 'edit' | 'remove' | 'react' | 'forward' | 'readBy'>;

/** What these actions need. */
export interface MessageActionDeps {
  readonly rpc: ChatClient['rpc'];
  readonly keys: RoomKeys;
  readonly drafts: Pick<Drafts, 'send'>;
  /** The open one; throws an ActionError when there is none. */
  readonly conversation: () => Conversation;
}

const OPTIONS = { timeoutMs: 10_000 };
const MAX_READERS = 100;

/** Each action ends when the service has answered and the conversation shows it. */
export function createMessageActions({ rpc, keys, drafts, conversation }: MessageActionDeps): MessageActions {
  return {
    edit: async (messageId, text) =>
      await asAction(async () => {
        const opened = conversation();
        const newContent = await keys.encrypt(opened.roomId, text);
        const { message } = await rpc.editMessage({ messageId, newContent }, OPTIONS);
        if (message !== undefined) await opened.changed(message);
      }),
    remove: async (messageId) =>
      await asAction(async () => {
        const opened = conversation();
        await rpc.deleteMessage({ roomId: opened.roomId, messageIds: [messageId] }, OPTIONS);
        opened.deleted(messageId);
      }),
    react: async (messageId, emoji) =>
      await asAction(async () => {
        const reaction = conversation().reactionOf(messageId) === emoji ? '' : emoji;
        await rpc.reactToMessage({ messageId, reaction }, OPTIONS);
      }),
    async forward(messageId, toRoomId) {
      const text = conversation().textOf(messageId);
      if (text === undefined || text === '') throw new ActionError('What can’t be read can’t be forwarded');
      // Each room has its own key, so the text is encrypted once more.
      drafts.send(toRoomId, text, { forward: messageId });
    },
    readBy: async (messageId) =>
      await asAction(async () => {
        const { items } = await rpc.getMessageRead({ id: messageId, page: 1, limit: MAX_READERS }, OPTIONS);
        return items.map(({ userId: id, userName: name, userAvatar: avatar, readAt }) => ({
          ...{ id, name, avatar },
          at: new Date(readAt),
        }));
      }),
  };
}
