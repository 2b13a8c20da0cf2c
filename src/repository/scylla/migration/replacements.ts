import { types } from 'cassandra-driver';
import type { ChangeRow, MemberImage, PositionImage } from '../changes.ts';
import { toMutations } from '../mutations.ts';
import type { Mutation } from '../session.ts';
import { bucketOf, deletedBucketOf } from '../tables.ts';
import type { RoomHeadImage } from './migration-checkpoints.ts';
import type { MessageRecord } from './migration-source.ts';

/*
 * Writes that put rows of PostgreSQL in the place of whatever Scylla holds in their stead: an earlier migration may have left other ones
 * there. What is replaced is deleted at one less than the room's clock. So it does not matter in which order, or how often, these are
 * written, and what changed after the clock was taken stays as it is.
 *
 * Rows are deleted together with those that replace them, by ranges of keys: who reads meanwhile misses little, and not for long.
 */

/** The room itself, and where its newest message is. */
export function replaceRoom({ image, lastSequence, clock }: RoomHeadImage): Mutation[] {
  const partition = `details ${image.id}`;
  const mutations = [
    drop(partition, 'room_details', 'room_id = ?', [image.id], clock),
    ...written({ table: 'room', row: image }, clock),
  ];
  if (lastSequence > 0)
    mutations.push({
      partition,
      query: PUT_LAST_BUCKET,
      params: [image.id, bucketOf(lastSequence), stamp(clock)],
    });
  return mutations;
}

const PUT_LAST_BUCKET =
  'INSERT INTO {ks}.room_details (room_id, last_bucket) VALUES (?, ?) USING TIMESTAMP ?';

/** Who is listed as joined or as staff: to be written before the first page of members. */
export function dropMemberLists(roomId: string, clock: number): Mutation[] {
  return [
    drop(`joins ${roomId}`, 'participants_by_join', 'room_id = ?', [roomId], clock),
    drop(`staff ${roomId}`, 'staff_by_room', 'room_id = ?', [roomId], clock),
  ];
}

/** A page of members, whose users are those after `after` and up to `last`; without `last` there are no more. */
export function replaceMembers(
  roomId: string,
  page: readonly MemberImage[],
  {
    after,
    last,
    clock,
  }: { readonly after: number; readonly last: number | undefined; readonly clock: number },
): Mutation[] {
  const partition = `participants ${roomId}`;
  const params = last === undefined ? [roomId, after] : [roomId, after, last];
  const where = `room_id = ? AND user_id > ?${last === undefined ? '' : ' AND user_id <= ?'}`;
  return [
    drop(partition, 'participants_by_room', where, params, clock),
    ...page.flatMap((row) => [
      drop(
        `rooms ${row.user_id}`,
        'rooms_by_user',
        'user_id = ? AND room_id = ?',
        [row.user_id, roomId],
        clock,
      ),
      ...written({ table: 'room_member', row }, clock),
    ]),
  ];
}

/** A page of read positions; `before` is the user of the one before them. */
export function replacePositions(
  page: readonly PositionImage[],
  { before, clock }: { readonly before: number | undefined; readonly clock: number },
): Mutation[] {
  let user = before;
  return page.flatMap((row) => {
    const isFirst = row.user_id !== user;
    user = row.user_id;
    const put = written({ table: 'room_read_position', row }, clock);
    if (!isFirst) return put;
    const partition = `positions ${row.room_id} ${row.user_id}`;
    const where = 'room_id = ? AND user_id = ?';
    return [drop(partition, 'read_positions_by_member', where, [row.room_id, row.user_id], clock), ...put];
  });
}

/** What a bucket of messages is listed under: to be written once before any of its messages. */
export function dropMessageLists(roomId: string, bucket: number, clock: number): Mutation[] {
  const partition = `messages ${roomId} ${bucket}`;
  const where = 'room_id = ? AND bucket = ?';
  return [
    drop(partition, 'messages_by_sender', where, [roomId, bucket], clock),
    drop(partition, 'messages_by_update', where, [roomId, bucket], clock),
  ];
}

/** What is there of the messages after `after` and up to `last`; without `last` to the end of its bucket. */
export function dropMessages(
  roomId: string,
  {
    after,
    last,
    clock,
  }: { readonly after: number; readonly last: number | undefined; readonly clock: number },
): Mutation[] {
  const drops: Mutation[] = [];
  const where = `room_id = ? AND bucket = ? AND sequence > ?${last === undefined ? '' : ' AND sequence <= ?'}`;
  const range = last === undefined ? [after] : [after, last];
  for (let bucket = bucketOf(after + 1); bucket <= bucketOf(last ?? after + 1); bucket += 1) {
    const partition = `messages ${roomId} ${bucket}`;
    drops.push(drop(partition, 'messages_by_room', where, [roomId, bucket, ...range], clock));
  }
  for (let bucket = deletedBucketOf(after + 1); bucket <= deletedBucketOf(last ?? after + 1); bucket += 1) {
    const partition = `deleted ${roomId} ${bucket}`;
    drops.push(drop(partition, 'deleted_messages_by_room', where, [roomId, bucket, ...range], clock));
  }
  return drops;
}

/** Messages with their mentions and reactions. What was there of the messages themselves is deleted by {@link dropMessages}. */
export function putMessages(records: readonly MessageRecord[], clock: number): Mutation[] {
  return records.flatMap(({ message, mentions, reactions }) => {
    const place = { message_id: message.id, room_id: message.room_id, sequence: message.sequence };
    const mutations = written({ table: 'room_message', row: message }, clock);
    for (const [user_id, tag] of mentions)
      mutations.push(...written({ table: 'room_message_tag', row: { ...place, user_id, tag } }, clock));
    // A reaction changes its message, also when it is taken back: others never had any.
    if (reactions.length > 0 || message.updated_at !== message.created_at) {
      mutations.push(
        drop(`reactions ${message.id}`, 'reactions_by_message', 'message_id = ?', [message.id], clock),
      );
    }
    for (const row of reactions) mutations.push(...written({ table: 'room_message_reaction', row }, clock));
    return mutations;
  });
}

function written(row: ChangeRow, clock: number): Mutation[] {
  return toMutations({ ...row, clock });
}

function drop(
  partition: string,
  table: string,
  where: string,
  params: readonly unknown[],
  clock: number,
): Mutation {
  return {
    partition,
    query: `DELETE FROM {ks}.${table} USING TIMESTAMP ? WHERE ${where}`,
    params: [stamp(clock - 1), ...params],
  };
}

function stamp(clock: number): types.Long {
  return types.Long.fromNumber(clock);
}
