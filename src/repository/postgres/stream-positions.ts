import type { StreamPosition, StreamPositions } from '../../streams/ports.ts';
import type { Db, Sql } from './db.ts';
import { guarded, retryConflicts } from './store-errors.ts';

/** As long as the events themselves are kept. */
const KEPT = `interval '7 days'`;
/** Outdated positions that one save forgets at most. */
const PRUNED_PER_SAVE = 1000;

/** Where the streams of one client of a user have stopped, or are. */
export interface ClientPosition extends StreamPosition {
  readonly userId: number;
  readonly clientId: string;
  readonly updatedAt: Date;
}

/** Remembered positions of the users, the newest first, at most `limit` of each. Only reads. */
export async function positionsOf(
  sql: Sql,
  userIds: readonly number[],
  limit: number,
): Promise<ClientPosition[]> {
  const { rows } = await sql.query<ClientPosition>(
    `SELECT u.id AS "userId", p.client_id AS "clientId", p.epoch, p.sequence::float8 AS sequence, p.updated_at AS "updatedAt"
      FROM unnest($1::int[]) AS u (id) CROSS JOIN LATERAL (
        SELECT * FROM stream_position WHERE user_id = u.id AND updated_at > now() - ${KEPT}
        ORDER BY updated_at DESC LIMIT $2::int) p
      ORDER BY u.id, p.updated_at DESC`,
    [userIds, limit],
  );
  return rows;
}

/** Positions of client streams in Postgres. Outdated ones are not answered, and each save forgets some of them. */
export function createPostgresStreamPositions(db: Db): StreamPositions {
  return {
    load: (userId, clientId) =>
      guarded(async () => {
        const { rows } = await db.query<{ epoch: string; sequence: number }>(
          `SELECT epoch, sequence FROM stream_position
            WHERE user_id = $1::int AND client_id = $2 AND updated_at > now() - ${KEPT}`,
          [userId, clientId],
        );
        return rows[0];
      }),

    save: (positions) =>
      guarded(async () => {
        if (positions.length === 0) return;
        const newest = [
          ...new Map(
            positions.map((position) => [`${position.userId} ${position.clientId}`, position]),
          ).values(),
        ];
        await retryConflicts(
          async () =>
            await db.query(
              `/* save_positions */ INSERT INTO stream_position (user_id, client_id, epoch, sequence)
                SELECT * FROM unnest($1::int[], $2::text[], $3::text[], $4::bigint[]) AS n (user_id, client_id) ORDER BY 1, 2
                ON CONFLICT (user_id, client_id) DO UPDATE
                SET epoch = excluded.epoch, sequence = excluded.sequence, updated_at = now()`,
              [
                newest.map(({ userId }) => userId),
                newest.map(({ clientId }) => clientId),
                newest.map(({ epoch }) => epoch),
                newest.map(({ sequence }) => sequence),
              ],
            ),
        );
        await db.query(
          `/* prune_positions */ DELETE FROM stream_position WHERE (user_id, client_id) IN (
            SELECT user_id, client_id FROM stream_position WHERE updated_at < now() - ${KEPT}
            ORDER BY updated_at LIMIT ${PRUNED_PER_SAVE} FOR UPDATE SKIP LOCKED)`,
          [],
        );
      }),
  };
}
