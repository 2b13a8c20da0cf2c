import { describe, inject } from 'vitest';
import { CommitSignal } from '../../../src/repository/postgres/commit-signal.ts';
import { createPostgresNotificationQueue } from '../../../src/repository/postgres/notification-queue.ts';
import {
  exerciseNotificationQueue,
  type NotificationQueueAdapter,
} from '../../contract/notification-queue.ts';
import { createTestDatabase, openPglite, type TestDatabase } from '../../support/database.ts';

describe.skipIf(inject('postgresUrl') === '')('on a server', () => {
  exerciseNotificationQueue('PostgreSQL', async () => adapt(await createTestDatabase()));
});

exerciseNotificationQueue('PGlite', async () => adapt(await openPglite()));

function adapt({ db, drop }: TestDatabase): NotificationQueueAdapter {
  const signal = new CommitSignal();
  return {
    queue: createPostgresNotificationQueue({ db, signal }),
    async add(notification, client) {
      await db.query('INSERT INTO notification_outbox (notification, client) VALUES ($1, $2)', [
        JSON.stringify(notification),
        JSON.stringify(client),
      ]);
      signal.notify();
    },
    async clear() {
      await db.query('DELETE FROM notification_outbox');
    },
    close: drop,
  };
}
