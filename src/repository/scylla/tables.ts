/**
 * Rows of schema.cql as the session answers them: uuid as text, timestamp as Date, int and double as number,
 * tuples and sets as arrays; a column without a value is null.
 */

/** Messages of one partition of `messages_by_room`. */
const MESSAGES_PER_BUCKET = 10_000;
/** Sequences of one partition of `deleted_messages_by_room`. */
const DELETED_PER_BUCKET = 1_000_000;

/** The partition of a room's messages that holds a sequence. */
export function bucketOf(sequence: number): number {
  return Math.floor((sequence - 1) / MESSAGES_PER_BUCKET);
}

/** The partition of a room's deleted messages that holds a sequence. */
export function deletedBucketOf(sequence: number): number {
  return Math.floor((sequence - 1) / DELETED_PER_BUCKET);
}

/** Whether a message is the first one of its bucket. */
export function opensBucket(sequence: number): boolean {
  return (sequence - 1) % MESSAGES_PER_BUCKET === 0;
}

/** `room_details`. */
export interface RoomDetailsRow {
  readonly room_id: string;
  readonly name: string | null;
  readonly description: string | null;
  readonly image: string | null;
  readonly type: string;
  readonly encryption_data: string | null;
  readonly join_all_user: boolean | null;
  readonly send_message: boolean | null;
  readonly add_member: boolean | null;
  readonly edit_group: boolean | null;
  readonly p2p_low: number | null;
  readonly p2p_high: number | null;
  readonly reader1_id: number | null;
  readonly reader1_sequence: number | null;
  readonly reader2_id: number | null;
  readonly reader2_sequence: number | null;
  readonly last_bucket: number | null;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly deleted_at: Date | null;
}

/** `participants_by_room` and `rooms_by_user`. */
export interface ParticipantRow {
  readonly room_id: string;
  readonly user_id: number;
  readonly role: string;
  readonly is_pinned: boolean | null;
  readonly is_muted: boolean | null;
  readonly is_partner_blocked: boolean | null;
  readonly read_sequence: number | null;
  readonly join_sequence: number | null;
  readonly join_event: number | null;
  readonly joined_at: Date;
  readonly updated_at: Date;
  readonly removed_at: Date | null;
  readonly deleted_at: Date | null;
}

/** `messages_by_room`. */
export interface MessageByRoomRow {
  readonly room_id: string;
  readonly bucket: number;
  readonly sequence: number;
  readonly message_id: string;
  readonly sender_id: number;
  readonly content: string | null;
  readonly content_decrypted: string | null;
  readonly audio_transcription: string | null;
  readonly type: string;
  readonly lifetime: string | null;
  readonly origin: string | null;
  readonly location_name: string | null;
  readonly location_latitude: number | null;
  readonly location_longitude: number | null;
  readonly contact_id: number | null;
  readonly contact_name: string | null;
  readonly contact_phone: string | null;
  readonly file_url: string | null;
  readonly edited: boolean | null;
  readonly reply_to_message_id: string | null;
  readonly forwarded_from_message_id: string | null;
  readonly forwarded_from_sender_id: number | null;
  readonly event: string | null;
  readonly sender_message_id: string | null;
  /** User and tag. */
  readonly mentions: readonly (readonly [number, string])[] | null;
  readonly has_reactions: boolean | null;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly deleted_at: Date | null;
}

/** `room_by_message` and `message_by_sender_message_id`: where a message is. */
export interface MessagePlaceRow {
  readonly message_id: string;
  readonly room_id: string;
  readonly sequence: number;
}

/** `reactions_by_message`. */
export interface ReactionRow {
  readonly message_id: string;
  readonly user_id: number;
  readonly reaction: string | null;
  readonly created_at: Date;
  readonly updated_at: Date;
}

/** Whether a membership is one now. */
export function isActive(row: { readonly removed_at: unknown; readonly deleted_at: unknown }): boolean {
  return row.removed_at === null && row.deleted_at === null;
}
