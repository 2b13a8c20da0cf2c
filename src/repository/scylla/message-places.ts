import { chunksOf, MAX_PARALLEL_READS, mapInParallel } from './in-parallel.ts';
import type { ReadDeps } from './profiles.ts';
import type { ScyllaSession } from './session.ts';
import { bucketOf, type MessageByRoomRow, type MessagePlaceRow } from './tables.ts';

/** Keys of one statement; ScyllaDB refuses more than 100 unless it is told otherwise. */
const KEYS = 100;

/** A message as it is read back: the clear text is for others. */
export type StoredMessage = Omit<MessageByRoomRow, 'content_decrypted'>;
/** Where a message is, or would be. */
export type Place = Pick<MessagePlaceRow, 'room_id' | 'sequence'>;

const PLACE = 'SELECT message_id, room_id, sequence FROM {ks}.room_by_message WHERE message_id = ?';
const KEY_PLACE = `SELECT message_id, room_id, sequence FROM {ks}.message_by_sender_message_id
  WHERE sender_id = ? AND sender_message_id = ?`;
const MESSAGES = `SELECT room_id, bucket, sequence, message_id, sender_id, content, audio_transcription, type, lifetime, origin,
    location_name, location_latitude, location_longitude, contact_id, contact_name, contact_phone, file_url, edited,
    reply_to_message_id, forwarded_from_message_id, forwarded_from_sender_id, event, sender_message_id, mentions,
    has_reactions, created_at, updated_at, deleted_at
  FROM {ks}.messages_by_room WHERE room_id = ? AND bucket = ? AND sequence IN ?`;
const FRAMES = `SELECT room_id, sequence, message_id
  FROM {ks}.messages_by_room WHERE room_id = ? AND bucket = ? AND sequence IN ?`;

/** Where the message is; undefined when there is none. Its row may be missing when it was never completely written. */
export async function messagePlace(deps: ReadDeps, messageId: string): Promise<MessagePlaceRow | undefined> {
  return (await deps.session.read<MessagePlaceRow>(PLACE, [messageId]))[0];
}

/** Where the first message is that the sender sent with that client-side id; likewise. */
export async function keyPlace(
  session: ScyllaSession,
  senderId: number,
  senderMessageId: string,
): Promise<MessagePlaceRow | undefined> {
  return (await session.read<MessagePlaceRow>(KEY_PLACE, [senderId, senderMessageId]))[0];
}

/** The sequence of a message of the room, deleted or not; undefined for any other id. */
export async function sequenceIn(
  session: ScyllaSession,
  roomId: string,
  messageId: string,
): Promise<number | undefined> {
  const [place] = await session.read<MessagePlaceRow>(PLACE, [messageId]);
  if (place === undefined || place.room_id !== roomId) return undefined;
  const [row] = await readRows<Frame>(session, FRAMES, [place]);
  return row?.message_id === place.message_id ? row.sequence : undefined;
}

/** Messages by id, deleted or not, as they are stored; unknown ids are left out. */
export async function readMessages(
  session: ScyllaSession,
  ids: readonly string[],
): Promise<Map<string, StoredMessage>> {
  return await readPlaced(session, await readPlaces(session, ids));
}

/** The message at its place, deleted or not, as it is stored. */
export async function readMessageAt(
  session: ScyllaSession,
  place: MessagePlaceRow,
): Promise<StoredMessage | undefined> {
  return (await readPlaced(session, [place])).get(place.message_id);
}

/** The messages at the places, deleted or not, as they are stored, in that order; empty places are left out. */
export async function readMessagesAt(
  session: ScyllaSession,
  places: readonly Place[],
): Promise<StoredMessage[]> {
  const rows = await readRows<StoredMessage>(session, MESSAGES, places);
  const found = new Map(rows.map((row) => [keyOf(row), row]));
  return places.flatMap((place) => found.get(keyOf(place)) ?? []);
}

async function readPlaces(session: ScyllaSession, ids: readonly string[]): Promise<MessagePlaceRow[]> {
  const found = await mapInParallel(
    [...new Set(ids)],
    MAX_PARALLEL_READS,
    async (id) => await session.read<MessagePlaceRow>(PLACE, [id]),
  );
  return found.flat();
}

/** One statement for each 100 messages of a bucket. A row without an id was left by a write that failed: it is no message. */
async function readRows<R extends Frame>(
  session: ScyllaSession,
  query: string,
  places: readonly Place[],
): Promise<R[]> {
  const buckets = Map.groupBy(places, (place) => `${place.room_id} ${bucketOf(place.sequence)}`);
  const reads = [...buckets.values()].flatMap((bucket) => chunksOf(bucket, KEYS));
  const found = await mapInParallel(reads, MAX_PARALLEL_READS, async (chunk) => {
    const [{ room_id, sequence } = { room_id: '', sequence: 1 }] = chunk;
    const sequences = chunk.map((place) => place.sequence);
    return await session.read<R>(query, [room_id, bucketOf(sequence), sequences]);
  });
  return found.flat().filter((row) => row.message_id !== null);
}

/** A place whose message was never written may hold another one: only those that are meant. */
async function readPlaced(
  session: ScyllaSession,
  places: readonly MessagePlaceRow[],
): Promise<Map<string, StoredMessage>> {
  const rows = await readRows<StoredMessage>(session, MESSAGES, places);
  const meant = new Set(places.map((place) => place.message_id));
  return new Map(rows.flatMap((row) => (meant.has(row.message_id) ? [[row.message_id, row]] : [])));
}

function keyOf(place: Place): string {
  return `${place.room_id} ${place.sequence}`;
}

type Frame = Pick<StoredMessage, 'room_id' | 'sequence' | 'message_id'>;
