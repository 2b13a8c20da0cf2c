import type { ClientParams } from '../../auth/caller.ts';
import type { Notification, NotificationQueue } from '../../notifications/notifications.ts';
import type { CommitSignal } from './commit-signal.ts';
import type { Sql } from './db.ts';
import { guarded } from './store-errors.ts';

/**
 * The stored notifications in `notification_outbox`, shared by all instances. A claim moves `due_at` forward: that is the lease.
 * A topic job (subscribe, unsubscribe) stays hidden while an older one of its room is not forgotten, so that they reach
 * the service in commit order, retries included; pushes have no order, and where Scylla has the messages they wait for theirs. A failure of the store is `internal_server_error`.
 */
export function createPostgresNotificationQueue(deps: {
  readonly db: Sql;
  readonly signal: CommitSignal;
}): NotificationQueue {
  const { db, signal } = deps;
  return {
    async claim(limit, leaseMs) {
      const { rows } = await guarded(async () => await db.query<JobRow>(CLAIM, [limit, leaseMs]));
      return rows
        .sort((a, b) => a.id - b.id)
        .map(({ client, ...job }) => ({ ...job, client: { ...client, clientId: client.clientId } }));
    },
    async complete(ids) {
      await guarded(
        async () => await db.query('DELETE FROM notification_outbox WHERE id = ANY($1::bigint[])', [ids]),
      );
    },
    async retry(id, delayMs) {
      await guarded(async () => await db.query(RETRY, [id, delayMs]));
    },
    onCommit(wake) {
      return signal.subscribe(wake);
    },
  };
}

const CLAIM = `
WITH due AS (
  SELECT id FROM notification_outbox AS job
  WHERE due_at <= now()
    AND (notification->>'kind' = 'push' OR NOT EXISTS (
      SELECT FROM notification_outbox AS older
      WHERE older.notification->>'kind' <> 'push'
        AND older.notification->>'roomId' = job.notification->>'roomId'
        AND older.id < job.id))
    AND (change_id IS NULL OR NOT EXISTS (
      SELECT FROM scylla_change AS change
      WHERE change.room_id = (job.notification->>'roomId')::uuid AND change.id <= job.change_id))
  ORDER BY due_at, id
  LIMIT $1
  FOR UPDATE SKIP LOCKED
)
UPDATE notification_outbox AS job
SET attempt = attempt + 1, due_at = now() + $2 * interval '1 millisecond'
FROM due WHERE job.id = due.id
RETURNING job.id, job.attempt, job.notification, job.client`;

const RETRY = `UPDATE notification_outbox SET due_at = now() + $2 * interval '1 millisecond' WHERE id = $1`;

/** A row as the driver gives it; the columns are written by this service only. */
interface JobRow {
  readonly id: number;
  readonly attempt: number;
  readonly notification: Notification;
  /** JSON drops a member that is undefined. */
  readonly client: Omit<ClientParams, 'clientId'> & { readonly clientId?: string };
}
