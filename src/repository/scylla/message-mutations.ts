import { types } from 'cassandra-driver';
import type { MentionImage, MessageImage } from './changes.ts';
import type { Mutation } from './session.ts';
import { given, insertion, sameTime, stamp, time } from './statements.ts';
import { bucketOf, deletedBucketOf, opensBucket } from './tables.ts';

const MESSAGE_COLUMNS = [
  ...['room_id', 'bucket', 'sequence', 'message_id', 'sender_id', 'content', 'content_decrypted'],
  ...['audio_transcription', 'type', 'lifetime', 'origin', 'location_name', 'location_latitude'],
  ...['location_longitude', 'contact_id', 'contact_name', 'contact_phone', 'file_url', 'edited'],
  ...['reply_to_message_id', 'forwarded_from_message_id', 'forwarded_from_sender_id', 'event'],
  ...['sender_message_id', 'created_at', 'updated_at', 'deleted_at'],
];
const PUT_MESSAGE = insertion('messages_by_room', MESSAGE_COLUMNS);
const PUT_SENT = insertion('messages_by_sender', ['room_id', 'bucket', 'sender_id', 'sequence']);
const PUT_UPDATE = insertion('messages_by_update', [
  ...['room_id', 'bucket', 'updated_at', 'sequence', 'created_at', 'deleted'],
]);
const DROP_UPDATE = `DELETE FROM {ks}.messages_by_update USING TIMESTAMP ?
  WHERE room_id = ? AND bucket = ? AND updated_at = ? AND sequence = ?`;
const PUT_DELETED = insertion('deleted_messages_by_room', ['room_id', 'bucket', 'sequence', 'sender_id']);
const PUT_PLACE = insertion('room_by_message', ['message_id', 'room_id', 'sequence']);
const PUT_KEY = insertion('message_by_sender_message_id', [
  ...['sender_id', 'sender_message_id', 'message_id', 'room_id', 'sequence'],
]);
const PUT_BUCKET = insertion('room_details', ['room_id', 'last_bucket']);

/** The writes of a new message. */
export function newMessage(row: MessageImage, clock: number): Mutation[] {
  const bucket = bucketOf(row.sequence);
  const partition = messagePartition(row.room_id, bucket);
  const at = stamp(clock);
  const mutations: Mutation[] = [
    { partition: `place ${row.id}`, query: PUT_PLACE, params: [row.id, row.room_id, row.sequence, at] },
    { partition, query: PUT_SENT, params: [row.room_id, bucket, row.sender_id, row.sequence, at] },
    updateMutation(row, clock),
    {
      partition,
      query: PUT_MESSAGE,
      params: [
        row.room_id,
        bucket,
        row.sequence,
        row.id,
        row.sender_id,
        given(row.content),
        given(row.content_decrypted),
        given(row.audio_transcription),
        row.type,
        given(row.lifetime),
        given(row.origin),
        given(row.location_name),
        given(row.location_latitude),
        given(row.location_longitude),
        given(row.contact_id),
        given(row.contact_name),
        given(row.contact_phone),
        given(row.file),
        row.edited,
        given(row.replied_message_id),
        given(row.forwarded_message_id),
        given(row.forwarded_message_original_sender),
        given(row.event),
        given(row.sender_message_id),
        time(row.created_at),
        time(row.updated_at),
        time(row.deleted_at),
        at,
      ],
    },
    ...deletedMutations(row, clock),
  ];
  if (typeof row.sender_message_id === 'string') {
    mutations.push({
      partition: `key ${row.sender_id} ${row.sender_message_id}`,
      query: PUT_KEY,
      params: [row.sender_id, row.sender_message_id, row.id, row.room_id, row.sequence, at],
    });
  }
  // The first bucket is where everybody looks anyway.
  if (bucket > 0 && opensBucket(row.sequence)) {
    const params = [row.room_id, bucket, at];
    mutations.unshift({ partition: `details ${row.room_id}`, query: PUT_BUCKET, params });
  }
  return mutations;
}

const CHANGE_MESSAGE = insertion('messages_by_room', [
  ...['room_id', 'bucket', 'sequence', 'content', 'content_decrypted', 'audio_transcription', 'edited'],
  ...['updated_at', 'deleted_at'],
]);

/** The writes of what changed about a message, which changed at `oldUpdate` before. */
export function changedMessage(row: MessageImage, oldUpdate: string, clock: number): Mutation[] {
  const bucket = bucketOf(row.sequence);
  const partition = messagePartition(row.room_id, bucket);
  const params = [
    row.room_id,
    bucket,
    row.sequence,
    // Here null means that there is none any more.
    row.content,
    row.content_decrypted,
    row.audio_transcription,
    row.edited,
    time(row.updated_at),
    time(row.deleted_at),
    stamp(clock),
  ];
  const mutations: Mutation[] = [
    { partition, query: CHANGE_MESSAGE, params },
    updateMutation(row, clock),
    ...deletedMutations(row, clock),
  ];
  if (!sameTime(oldUpdate, row.updated_at)) {
    const key = [stamp(clock), row.room_id, bucket, time(oldUpdate), row.sequence];
    mutations.push({ partition, query: DROP_UPDATE, params: key });
  }
  return mutations;
}

function updateMutation(row: MessageImage, clock: number): Mutation {
  const bucket = bucketOf(row.sequence);
  const deleted = typeof row.deleted_at === 'string';
  return {
    partition: messagePartition(row.room_id, bucket),
    query: PUT_UPDATE,
    params: [
      row.room_id,
      bucket,
      time(row.updated_at),
      row.sequence,
      time(row.created_at),
      deleted,
      stamp(clock),
    ],
  };
}

function deletedMutations(row: MessageImage, clock: number): Mutation[] {
  if (typeof row.deleted_at !== 'string') return [];
  const bucket = deletedBucketOf(row.sequence);
  const params = [row.room_id, bucket, row.sequence, row.sender_id, stamp(clock)];
  return [{ partition: `deleted ${row.room_id} ${bucket}`, query: PUT_DELETED, params }];
}

const ADD_MENTION = `UPDATE {ks}.messages_by_room USING TIMESTAMP ? SET mentions = mentions + ?
  WHERE room_id = ? AND bucket = ? AND sequence = ?`;

/** The write of a mention. */
export function mention(row: MentionImage, clock: number): Mutation {
  const bucket = bucketOf(row.sequence);
  const tags = [new types.Tuple(row.user_id, row.tag)];
  return {
    partition: messagePartition(row.room_id, bucket),
    query: ADD_MENTION,
    params: [stamp(clock), tags, row.room_id, bucket, row.sequence],
  };
}

/** Whose rows are written together: those of the messages of a bucket. */
export function messagePartition(roomId: string, bucket: number): string {
  return `messages ${roomId} ${bucket}`;
}
