import type { Sql } from '../../postgres/db.ts';
import { isStoreUnavailable } from '../guard.ts';
import { mapInParallel } from '../in-parallel.ts';
import type { ScyllaSession } from '../session.ts';
import {
  bucketOf,
  deletedBucketOf,
  type MessageByRoomRow,
  type MessagePlaceRow,
  type ReactionRow,
} from '../tables.ts';
import { type ColumnPair, differences, sameTexts } from './comparison.ts';
import { type MessageRecord, readMessages } from './migration-source.ts';

const COLUMNS: readonly ColumnPair[] = [
  ['message_id', 'id'],
  ['sender_id', 'sender_id'],
  ['content', 'content'],
  ['content_decrypted', 'content_decrypted'],
  ['audio_transcription', 'audio_transcription'],
  ['type', 'type'],
  ['lifetime', 'lifetime'],
  ['origin', 'origin'],
  ['location_name', 'location_name'],
  ['location_latitude', 'location_latitude'],
  ['location_longitude', 'location_longitude'],
  ['contact_id', 'contact_id'],
  ['contact_name', 'contact_name'],
  ['contact_phone', 'contact_phone'],
  ['file_url', 'file'],
  ['edited', 'edited'],
  ['reply_to_message_id', 'replied_message_id'],
  ['forwarded_from_message_id', 'forwarded_message_id'],
  ['forwarded_from_sender_id', 'forwarded_message_original_sender'],
  ['event', 'event'],
  ['sender_message_id', 'sender_message_id'],
  ['created_at', 'created_at', 'time'],
  ['updated_at', 'updated_at', 'time'],
  ['deleted_at', 'deleted_at', 'time'],
];

const MESSAGES_PER_STATEMENT = 200;
const MESSAGES_AT_ONCE = 8;

/** Compares those messages of a room in every table that shows them; a text for each that differs, naming fields and tables. */
export async function compareMessages(
  { sql, session }: { readonly sql: Sql; readonly session: ScyllaSession },
  roomId: string,
  sequences: readonly number[],
): Promise<string[]> {
  const found: string[] = [];
  for (let start = 0; start < sequences.length; start += MESSAGES_PER_STATEMENT) {
    const records = await readMessages(sql, roomId, sequences.slice(start, start + MESSAGES_PER_STATEMENT));
    const fields = await mapInParallel(records, MESSAGES_AT_ONCE, async (record) => {
      return await differentFields(session, record).catch(unreadable);
    });
    for (const [index, names] of fields.entries()) {
      if (names.length > 0)
        found.push(`message mismatch for ID ${records[index]?.message.id}: ${names.join(', ')}`);
    }
  }
  return found;
}

/** Scylla can't even be asked about some values that it can't hold. */
function unreadable(error: unknown): string[] {
  if (isStoreUnavailable(error)) throw error;
  return ['unreadable'];
}

async function differentFields(session: ScyllaSession, record: MessageRecord): Promise<string[]> {
  const { message } = record;
  const place = [message.room_id, bucketOf(message.sequence)];
  const [rows, reactions, ...missing] = await Promise.all([
    session.read<MessageByRoomRow>(
      'SELECT * FROM {ks}.messages_by_room WHERE room_id = ? AND bucket = ? AND sequence = ?',
      [...place, message.sequence],
    ),
    session.read<ReactionRow>(
      'SELECT user_id, reaction, created_at, updated_at FROM {ks}.reactions_by_message WHERE message_id = ?',
      [message.id],
    ),
    wrongPlace(session, record),
    wrongKey(session, record),
    wrongSender(session, record),
    wrongUpdate(session, record),
    wrongDeletion(session, record),
  ]);
  const row = rows[0];
  const fields =
    row === undefined ? ['missing'] : [...differences(COLUMNS, message, row), ...wrongSets(record, row)];
  if (!sameTexts(record.reactions.map(reactionText), reactions.map(reactionText))) fields.push('reactions');
  return [...fields, ...missing.filter((name) => name !== undefined)];
}

function wrongSets({ message, mentions, reactions }: MessageRecord, row: MessageByRoomRow): string[] {
  const names: string[] = [];
  const texts = (pairs: readonly (readonly [number, string])[]): string[] =>
    pairs.map((pair) => JSON.stringify(pair));
  if (!sameTexts(texts(mentions), texts(row.mentions ?? []))) names.push('mentions');
  // It stays when all reactions were taken back; that has changed the message.
  const mayHave = reactions.length > 0 || message.updated_at !== message.created_at;
  if (row.has_reactions === true ? !mayHave : reactions.length > 0) names.push('has_reactions');
  return names;
}

function reactionText(row: {
  readonly user_id: number;
  readonly reaction: string | null;
  readonly created_at: Date | string;
  readonly updated_at: Date | string;
}): string {
  const times = [new Date(row.created_at).getTime(), new Date(row.updated_at).getTime()];
  return JSON.stringify([row.user_id, row.reaction, ...times]);
}

async function wrongPlace(session: ScyllaSession, { message }: MessageRecord): Promise<string | undefined> {
  const [row] = await session.read<MessagePlaceRow>(
    'SELECT room_id, sequence FROM {ks}.room_by_message WHERE message_id = ?',
    [message.id],
  );
  const isRight = row?.room_id === message.room_id && row.sequence === message.sequence;
  return isRight ? undefined : 'room_by_message';
}

async function wrongKey(session: ScyllaSession, { message }: MessageRecord): Promise<string | undefined> {
  if (typeof message.sender_message_id !== 'string') return undefined;
  const [row] = await session.read<MessagePlaceRow>(
    `SELECT message_id, room_id, sequence FROM {ks}.message_by_sender_message_id
      WHERE sender_id = ? AND sender_message_id = ?`,
    [message.sender_id, message.sender_message_id],
  );
  const isRight =
    row?.message_id === message.id && row.room_id === message.room_id && row.sequence === message.sequence;
  return isRight ? undefined : 'message_by_sender_message_id';
}

async function wrongSender(session: ScyllaSession, { message }: MessageRecord): Promise<string | undefined> {
  const rows = await session.read(
    'SELECT sequence FROM {ks}.messages_by_sender WHERE room_id = ? AND bucket = ? AND sender_id = ? AND sequence = ?',
    [message.room_id, bucketOf(message.sequence), message.sender_id, message.sequence],
  );
  return rows.length === 1 ? undefined : 'messages_by_sender';
}

async function wrongUpdate(session: ScyllaSession, { message }: MessageRecord): Promise<string | undefined> {
  const [row] = await session.read<{ created_at: Date | null; deleted: boolean | null }>(
    `SELECT created_at, deleted FROM {ks}.messages_by_update
      WHERE room_id = ? AND bucket = ? AND updated_at = ? AND sequence = ?`,
    [message.room_id, bucketOf(message.sequence), new Date(message.updated_at), message.sequence],
  );
  const isRight =
    row?.created_at?.getTime() === Date.parse(message.created_at) &&
    row.deleted === (typeof message.deleted_at === 'string');
  return isRight ? undefined : 'messages_by_update';
}

async function wrongDeletion(
  session: ScyllaSession,
  { message }: MessageRecord,
): Promise<string | undefined> {
  const [row] = await session.read<{ sender_id: number | null }>(
    'SELECT sender_id FROM {ks}.deleted_messages_by_room WHERE room_id = ? AND bucket = ? AND sequence = ?',
    [message.room_id, deletedBucketOf(message.sequence), message.sequence],
  );
  const isRight =
    typeof message.deleted_at === 'string' ? row?.sender_id === message.sender_id : row === undefined;
  return isRight ? undefined : 'deleted_messages_by_room';
}
