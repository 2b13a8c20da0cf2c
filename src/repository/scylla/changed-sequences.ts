import { bucketsDown, type Interval } from './sequences.ts';
import type { ScyllaSession } from './session.ts';
import { bucketOf } from './tables.ts';

/** When a message last changed, and what of it that alone tells. */
export interface UpdateRow {
  readonly sequence: number;
  readonly created_at: Date;
  readonly deleted: boolean | null;
}

/** Times of the last change, both exclusive; undefined: no bound. */
export interface ChangedBetween {
  readonly after?: Date | undefined;
  readonly before?: Date | undefined;
}

/**
 * The messages of the interval that last changed within the times, newest first, a bucket at a time: the index is in the order
 * of changes, so at least a bucket has to be there before the newest of it is known.
 */
export async function* changedDown(
  session: ScyllaSession,
  roomId: string,
  interval: Interval,
  { after, before }: ChangedBetween,
): AsyncGenerator<UpdateRow[]> {
  const query = `SELECT sequence, created_at, deleted FROM {ks}.messages_by_update WHERE room_id = ? AND bucket = ?${
    after === undefined ? '' : ' AND updated_at > ?'
  }${before === undefined ? '' : ' AND updated_at < ?'}`;
  const bounds = [after, before].filter((bound) => bound !== undefined);
  for (const bucket of bucketsDown(interval, bucketOf)) {
    const rows = await session.read<UpdateRow>(query, [roomId, bucket, ...bounds]);
    const inside = rows.filter(({ sequence }) => sequence > interval.lower && sequence < interval.upper);
    yield inside.sort((one, other) => other.sequence - one.sequence);
  }
}
