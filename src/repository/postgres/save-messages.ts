import { create } from '@bufbuild/protobuf';
import { ChatError, notFound } from '../../chat/errors.ts';
import { type MessageData, MessageDataSchema, MessageStatus } from '../../gen/services/chat/v1/types_pb.ts';
import { createReadBatch } from '../read-batch.ts';
import type { NewMessage } from '../rooms-repository.ts';
import type { CommitSignal } from './commit-signal.ts';
import type { Db } from './db.ts';
import { GroupCommit } from './group-commit.ts';
import { loadMessages } from './message-rows.ts';
import type { WriteDeps } from './room-changes.ts';

/** What a stored or repeated send answers. */
export interface SavedMessage {
  readonly message: MessageData;
  readonly stored: boolean;
}

/**
 * The write of sent messages: concurrent calls of the process share a transaction, see {@link GroupCommit},
 * and chat_save_messages in schema.sql, which decides everything under the rooms' locks.
 */
export function createSaveMessage(deps: {
  readonly db: Db;
  readonly events: CommitSignal;
  readonly notifications: CommitSignal | undefined;
  readonly traceContext?: WriteDeps['traceContext'];
}): (message: NewMessage) => Promise<SavedMessage> {
  const { db, events, notifications, traceContext } = deps;
  const group = new GroupCommit<TracedMessage, SavedRow>({
    key: ({ sender, senderMessageId }) =>
      senderMessageId === undefined ? undefined : `${sender.userId}:${senderMessageId}`,
    async write(messages) {
      const rows = await saveGroup(db, messages, notifications !== undefined);
      const stored = messages.filter((_, index) => rows[index]?.outcome === 'stored');
      if (stored.length > 0) events.notify();
      if (stored.some(({ push }) => push)) notifications?.notify();
      return rows;
    },
  });
  const loadFresh = createReadBatch(async (ids: readonly string[]) => {
    const messages = await loadMessages(db, ids, undefined);
    return ids.map((id) => messages.get(id));
  });

  return async (message) => {
    // Asked here: the group is written in the name of all its senders.
    const row = await group.add(withTrace(message, traceContext?.()));
    if (row.outcome === 'refused') throw notFound();
    if (row.outcome === 'duplicate') {
      const first = (await loadMessages(db, [row.message_id], message.sender.userId)).get(row.message_id);
      return { message: known(first), stored: false };
    }
    // What hangs on other rows is rare, and only they know it.
    const plain =
      message.replyId === undefined && message.forward === undefined && message.mentions.length === 0;
    return { message: plain ? toStored(message, row) : known(await loadFresh(row.message_id)), stored: true };
  };
}

/** A message with the W3C `traceparent` of its own send. */
export type TracedMessage = NewMessage & { readonly traceContext?: string };

/** The same message when its send is not traced. */
export function withTrace(message: NewMessage, traceContext: string | undefined): TracedMessage {
  return traceContext === undefined ? message : { ...message, traceContext };
}

async function saveGroup(db: Db, messages: readonly TracedMessage[], notifies: boolean): Promise<SavedRow[]> {
  const { rows } = await db.query<AnswerRow>(SAVE, [
    messages.map(({ id }) => id),
    messages.map(({ roomId }) => roomId),
    messages.map(({ sender }) => sender.userId),
    messages.map(({ content }) => content),
    messages.map(({ senderMessageId }) => senderMessageId ?? null),
    messages.map(extraOf),
    messages.map(({ push, sender }) => (push && notifies ? JSON.stringify(sender.client) : null)),
  ]);
  const answers = new Array<SavedRow>(messages.length).fill({ outcome: 'refused' });
  for (const row of rows) answers[row.ord - 1] = row;
  return answers;
}

const SAVE = `/* save_messages */ SELECT * FROM chat_save_messages(
  $1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::text[], $6::text[], $7::text[])`;

/** What few messages have, as JSON; null for a plain one. */
function extraOf(message: TracedMessage): string | null {
  const extra = {
    content_decrypted: message.contentDecrypted,
    lifetime: message.lifetime === 'normal' ? undefined : message.lifetime,
    origin: message.origin === 'app' ? undefined : message.origin,
    reply_id: message.replyId,
    forward_id: message.forward?.messageId,
    forward_sender: message.forward?.senderId,
    mentions:
      message.mentions.length === 0
        ? undefined
        : message.mentions.map(({ userId, tag }) => ({ user_id: userId, tag })),
    location_name: message.locationName,
    location_latitude: message.locationLatitude,
    location_longitude: message.locationLongitude,
    contact_name: message.contactName,
    contact_phone: message.contactPhone,
    file: message.file,
    event: message.event,
    trace_context: message.traceContext,
  };
  const text = JSON.stringify(extra);
  return text === '{}' ? null : text;
}

/** The message as its author sees it, from what was written: the same as reading it back. */
export function toStored(message: NewMessage, row: Omit<StoredRow, 'ord' | 'outcome'>): MessageData {
  const data = create(MessageDataSchema);
  data.id = row.message_id;
  data.roomId = message.roomId;
  data.sequence = row.sequence;
  data.senderId = message.sender.userId;
  data.senderName = row.sender_name ?? '';
  data.senderPhone = row.sender_phone ?? '';
  data.senderAvatar = row.sender_avatar ?? '';
  data.content = message.content;
  data.status = MessageStatus.SENT;
  data.createdAt = row.created_at.toISOString();
  data.updatedAt = data.createdAt;
  data.type = 'user_message';
  data.lifetime = message.lifetime;
  data.origin = message.origin;
  if (message.locationName !== undefined) data.locationName = message.locationName;
  if (message.locationLatitude !== undefined) data.locationLatitude = message.locationLatitude;
  if (message.locationLongitude !== undefined) data.locationLongitude = message.locationLongitude;
  if (row.contact_id !== null) data.contactId = String(row.contact_id);
  if (message.contactName !== undefined) data.contactName = message.contactName;
  if (message.contactPhone !== undefined) data.contactPhone = message.contactPhone;
  if (message.file !== undefined) data.file = message.file;
  if (message.event !== undefined) data.event = message.event;
  if (message.senderMessageId !== undefined) data.senderMessageId = message.senderMessageId;
  return data;
}

/** A message that was just seen can only be missing when its room was erased by hand. */
function known(message: MessageData | undefined): MessageData {
  if (message === undefined) throw new ChatError('not_found');
  return message;
}

interface StoredRow {
  readonly ord: number;
  readonly outcome: 'stored';
  readonly message_id: string;
  readonly sequence: number;
  readonly created_at: Date;
  readonly sender_name: string | null;
  readonly sender_phone: string | null;
  readonly sender_avatar: string | null;
  readonly contact_id: number | null;
}

interface DuplicateRow {
  readonly ord: number;
  readonly outcome: 'duplicate';
  readonly message_id: string;
}

type AnswerRow = StoredRow | DuplicateRow;
type SavedRow = AnswerRow | { readonly outcome: 'refused' };
