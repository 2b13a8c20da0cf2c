import type { Change, PositionImage, ReactionImage, RoomImage } from './changes.ts';
import { memberMutations } from './member-mutations.ts';
import { changedMessage, mention, messagePartition, newMessage } from './message-mutations.ts';
import type { Mutation } from './session.ts';
import { given, insertion, stamp, time } from './statements.ts';
import { bucketOf } from './tables.ts';

/**
 * The writes that bring a change into every table that shows it. Repeating them, or writing them after those of a later change,
 * changes nothing: all carry the change's clock.
 */
export function toMutations(change: Change): Mutation[] {
  switch (change.table) {
    case 'room':
      return [roomDetails(change.row, change.clock)];
    case 'room_member':
      return memberMutations(change.row, change.old, change.clock);
    case 'room_message':
      return change.old === undefined
        ? newMessage(change.row, change.clock)
        : changedMessage(change.row, change.old.updated_at, change.clock);
    case 'room_message_tag':
      return [mention(change.row, change.clock)];
    case 'room_message_reaction':
      return reactionMutations(change.row, change.clock);
    case 'room_read_position':
      return [position(change.row, change.clock)];
  }
}

const PUT_DETAILS = insertion('room_details', [
  ...['room_id', 'name', 'description', 'image', 'type', 'encryption_data', 'join_all_user', 'send_message'],
  ...['add_member', 'edit_group', 'p2p_low', 'p2p_high', 'reader1_id', 'reader1_sequence', 'reader2_id'],
  ...['reader2_sequence', 'created_at', 'updated_at', 'deleted_at'],
]);

function roomDetails(row: RoomImage, clock: number): Mutation {
  return {
    partition: `details ${row.id}`,
    query: PUT_DETAILS,
    params: [
      row.id,
      given(row.name),
      given(row.description),
      given(row.image),
      row.type,
      given(row.encription_data),
      row.join_all_user,
      row.send_message,
      row.add_member,
      row.edit_group,
      given(row.p2p_low),
      given(row.p2p_high),
      given(row.reader1_id),
      row.reader1_sequence,
      given(row.reader2_id),
      row.reader2_sequence,
      time(row.created_at),
      time(row.updated_at),
      time(row.deleted_at),
      stamp(clock),
    ],
  };
}

const PUT_REACTION = insertion('reactions_by_message', [
  ...['message_id', 'user_id', 'reaction', 'created_at', 'updated_at'],
]);
const DROP_REACTION =
  'DELETE FROM {ks}.reactions_by_message USING TIMESTAMP ? WHERE message_id = ? AND user_id = ?';
const FLAG_REACTIONS = insertion('messages_by_room', ['room_id', 'bucket', 'sequence', 'has_reactions']);

function reactionMutations(row: ReactionImage, clock: number): Mutation[] {
  const partition = `reactions ${row.message_id}`;
  const at = stamp(clock);
  if (row.deleted_at !== null) {
    return [{ partition, query: DROP_REACTION, params: [at, row.message_id, row.user_id] }];
  }
  const bucket = bucketOf(row.sequence);
  const times = [time(row.created_at), time(row.updated_at)];
  return [
    { partition, query: PUT_REACTION, params: [row.message_id, row.user_id, row.reaction, ...times, at] },
    {
      partition: messagePartition(row.room_id, bucket),
      query: FLAG_REACTIONS,
      params: [row.room_id, bucket, row.sequence, true, at],
    },
  ];
}

const PUT_POSITION = insertion('read_positions_by_member', ['room_id', 'user_id', 'sequence', 'read_at']);

function position(row: PositionImage, clock: number): Mutation {
  return {
    partition: `positions ${row.room_id} ${row.user_id}`,
    query: PUT_POSITION,
    params: [row.room_id, row.user_id, row.sequence, time(row.read_at), stamp(clock)],
  };
}
