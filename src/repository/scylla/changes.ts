/**
 * What changes in a room, as rows of the relational model: the one language of all who write to Scylla. The service writes
 * such rows when Scylla leads, triggers of schema.sql when it follows, and the migration reads them from the tables.
 *
 * - A row holds the columns of its table in schema.sql that are known; for a table's first row of a key all of them.
 *   Times are ISO text.
 * - `old` is what the row was before, as far as indexes need it; missing for a new row.
 */
export type ChangeRow =
  | { readonly table: 'room'; readonly row: RoomImage }
  | { readonly table: 'room_member'; readonly row: MemberImage; readonly old?: OldMember }
  | {
      readonly table: 'room_message';
      readonly row: MessageImage;
      readonly old?: { readonly updated_at: string };
    }
  | { readonly table: 'room_message_tag'; readonly row: MentionImage }
  | { readonly table: 'room_message_reaction'; readonly row: ReactionImage }
  | { readonly table: 'room_read_position'; readonly row: PositionImage };

/** A change with its place in the order of its room. */
export type Change = ChangeRow & {
  /** Write timestamp: grows with the changes of a room. */
  readonly clock: number;
};

/** A room; only `id` is always there. */
export interface RoomImage {
  readonly id: string;
  readonly name?: string | null;
  readonly description?: string | null;
  readonly image?: string | null;
  readonly type?: string;
  readonly encription_data?: string | null;
  readonly join_all_user?: boolean;
  readonly send_message?: boolean;
  readonly add_member?: boolean;
  readonly edit_group?: boolean;
  readonly p2p_low?: number | null;
  readonly p2p_high?: number | null;
  readonly reader1_id?: number | null;
  readonly reader1_sequence?: number;
  readonly reader2_id?: number | null;
  readonly reader2_sequence?: number;
  readonly created_at?: string;
  readonly updated_at?: string;
  readonly deleted_at?: string | null;
}

/** A membership; what decides where it is listed is always there. */
export interface MemberImage extends OldMember {
  readonly room_id: string;
  readonly user_id: number;
  readonly is_pinned?: boolean;
  readonly is_muted?: boolean;
  readonly is_partner_blocked?: boolean;
  readonly read_sequence?: number;
  readonly join_sequence?: number;
  readonly join_event?: number;
  readonly updated_at?: string;
}

/** What decides where a membership is listed. */
export interface OldMember {
  readonly role: string;
  /** Time of the (latest) join. */
  readonly created_at: string;
  readonly removed_at: string | null;
  readonly deleted_at: string | null;
}

/** A message. With `old`, only what can change is read from it. */
export interface MessageImage {
  readonly id: string;
  readonly room_id: string;
  readonly sequence: number;
  readonly sender_id: number;
  readonly content?: string | null;
  readonly content_decrypted?: string | null;
  readonly audio_transcription?: string | null;
  readonly type?: string;
  readonly lifetime?: string | null;
  readonly location_name?: string | null;
  readonly location_latitude?: number | null;
  readonly location_longitude?: number | null;
  readonly origin?: string | null;
  readonly contact_id?: number | null;
  readonly contact_name?: string | null;
  readonly contact_phone?: string | null;
  readonly file?: string | null;
  readonly edited?: boolean;
  readonly replied_message_id?: string | null;
  readonly forwarded_message_id?: string | null;
  readonly forwarded_message_original_sender?: number | null;
  readonly event?: string | null;
  readonly sender_message_id?: string | null;
  readonly created_at: string;
  readonly updated_at: string;
  readonly deleted_at?: string | null;
}

/** Where the message of a mention, or of a reaction, is. */
interface MessagePlace {
  readonly message_id: string;
  readonly room_id: string;
  readonly sequence: number;
}

/** A mention. */
export interface MentionImage extends MessagePlace {
  readonly user_id: number;
  readonly tag: string;
}

/** A reaction; `deleted_at` when it was taken back. */
export interface ReactionImage extends MessagePlace {
  readonly user_id: number;
  readonly reaction: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly deleted_at: string | null;
}

/** A position that a member has read up to, and when. */
export interface PositionImage {
  readonly room_id: string;
  readonly user_id: number;
  readonly sequence: number;
  readonly read_at: string;
}
