import { readMessagesAt } from './message-places.ts';
import { type Preview, undeletedSequences } from './sequences.ts';
import type { ScyllaSession } from './session.ts';

/** The newest message that is not deleted, in a room whose newest of all is `newest`. */
export async function readLastMessage(
  session: ScyllaSession,
  roomId: string,
  newest: Preview | undefined,
): Promise<Preview | undefined> {
  let last = newest;
  while (last !== undefined && last.deleted_at !== null) {
    const interval = { lower: 0, upper: last.sequence };
    const below = await undeletedSequences(session, roomId, interval, { limit: 1, offset: 0 });
    [last] = await readMessagesAt(
      session,
      below.map((sequence) => ({ room_id: roomId, sequence })),
    );
  }
  return last;
}
