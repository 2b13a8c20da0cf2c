import type { BareCql } from './cql-client.ts';

/** The columns of a message that the service reads. */
const SELECT = `SELECT room_id, bucket, sequence, message_id, sender_id, content, audio_transcription, type, lifetime, origin,
    location_name, location_latitude, location_longitude, contact_id, contact_name, contact_phone, file_url, edited,
    reply_to_message_id, forwarded_from_message_id, forwarded_from_sender_id, event, sender_message_id, mentions,
    has_reactions, created_at, updated_at, deleted_at
  FROM {ks}.messages_by_room WHERE room_id = ? AND bucket = 0 LIMIT 50`;

/** The floor of a history of 50: the driver's select of the newest 50 rows of a room with one bucket. */
export function bareCqlSelect(cql: BareCql, roomId: string): () => Promise<void> {
  return async () => {
    const { rows } = await cql.execute(SELECT, [roomId]);
    if (rows.length !== 50) throw new Error(`a room of the benchmark has ${rows.length} messages`);
  };
}
