import type { MemberImage, OldMember } from './changes.ts';
import type { Mutation } from './session.ts';
import { cleared, insertion, sameTime, stamp, time } from './statements.ts';
import { isActive } from './tables.ts';

const MEMBER_COLUMNS = [
  ...['room_id', 'user_id', 'role', 'is_pinned', 'is_muted', 'is_partner_blocked', 'read_sequence'],
  ...['join_sequence', 'join_event', 'joined_at', 'updated_at', 'removed_at', 'deleted_at'],
];
const PUT_PARTICIPANT = insertion('participants_by_room', MEMBER_COLUMNS);
const PUT_ROOM_OF_USER = insertion('rooms_by_user', MEMBER_COLUMNS);
const PUT_JOIN = insertion('participants_by_join', ['room_id', 'joined_at', 'user_id']);
const DROP_JOIN =
  'DELETE FROM {ks}.participants_by_join USING TIMESTAMP ? WHERE room_id = ? AND joined_at = ? AND user_id = ?';
const PUT_STAFF = insertion('staff_by_room', ['room_id', 'user_id', 'role', 'joined_at']);
const DROP_STAFF = 'DELETE FROM {ks}.staff_by_room USING TIMESTAMP ? WHERE room_id = ? AND user_id = ?';

/** The writes of a membership. */
export function memberMutations(row: MemberImage, old: OldMember | undefined, clock: number): Mutation[] {
  const params = [
    row.room_id,
    row.user_id,
    row.role,
    row.is_pinned,
    row.is_muted,
    row.is_partner_blocked,
    row.read_sequence,
    row.join_sequence,
    row.join_event,
    time(row.created_at),
    time(row.updated_at),
    // Coming back clears them.
    cleared(row.removed_at, old?.removed_at),
    cleared(row.deleted_at, old?.deleted_at),
    stamp(clock),
  ];
  return [
    { partition: `participants ${row.room_id}`, query: PUT_PARTICIPANT, params },
    { partition: `rooms ${row.user_id}`, query: PUT_ROOM_OF_USER, params },
    ...joinMutations(row, old, clock),
    ...staffMutations(row, old, clock),
  ];
}

function joinMutations(row: MemberImage, old: OldMember | undefined, clock: number): Mutation[] {
  const partition = `joins ${row.room_id}`;
  const listed = isActive(row) ? row.created_at : undefined;
  const before = old !== undefined && isActive(old) ? old.created_at : undefined;
  if (sameTime(listed, before)) return [];
  const mutations: Mutation[] = [];
  if (listed !== undefined) {
    const params = [row.room_id, time(listed), row.user_id, stamp(clock)];
    mutations.push({ partition, query: PUT_JOIN, params });
  }
  if (before !== undefined) {
    const params = [stamp(clock), row.room_id, time(before), row.user_id];
    mutations.push({ partition, query: DROP_JOIN, params });
  }
  return mutations;
}

function staffMutations(row: MemberImage, old: OldMember | undefined, clock: number): Mutation[] {
  const partition = `staff ${row.room_id}`;
  if (isStaff(row)) {
    if (
      old !== undefined &&
      isStaff(old) &&
      old.role === row.role &&
      sameTime(old.created_at, row.created_at)
    )
      return [];
    const params = [row.room_id, row.user_id, row.role, time(row.created_at), stamp(clock)];
    return [{ partition, query: PUT_STAFF, params }];
  }
  if (old === undefined || !isStaff(old)) return [];
  return [{ partition, query: DROP_STAFF, params: [stamp(clock), row.room_id, row.user_id] }];
}

function isStaff(member: OldMember): boolean {
  return isActive(member) && member.role !== 'MEMBER';
}
