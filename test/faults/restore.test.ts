import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { chatClient, startTestApp } from '../support/app.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type NatsServer, startNats } from '../support/nats-server.ts';

/** docs/operations.md, "Backup and restore": a database of an earlier moment gives numbers again that the broker has seen. */
describe.skipIf(inject('postgresUrl') === '' || !inject('canStart').nats)('a restored database', () => {
  let database: TestDatabase;
  let nats: NatsServer;
  beforeAll(async () => {
    database = await createTestDatabase();
    nats = await startNats();
  });
  afterAll(async () => {
    await nats?.stop();
    await database?.drop();
  });

  it('is heard of completely once the history of the broker is removed', async () => {
    const { roomId, cursor } = await hearThreeMessages();
    await database.db.query('DELETE FROM room_message WHERE room_id = $1 AND sequence > 1', [roomId]);
    await database.db.query('UPDATE room SET last_sequence = 1, last_event = 2 WHERE id = $1', [roomId]);
    await nats.kill();
    await nats.restart({ wipe: true });

    const app = await startApp();
    try {
      const owner = await chatClient(app.url, { as: 1 });
      await owner.sendMessage({ roomId, content: 'other two' });
      const reader = await chatClient(app.url, { as: 2, clientId: 'reader' });
      const heard: string[] = [];
      for await (const { event } of reader.streamMessages({ cursor })) {
        heard.push(event.case === 'resyncRequired' ? event.value.reason : `${event.case}`);
        // Only now: what comes before belongs to what the client loads again.
        if (event.case === 'connected' && heard.filter((one) => one === 'connected').length === 1)
          await owner.sendMessage({ roomId, content: 'other three' });
        if (event.case === 'message' && event.value.content === 'other three') {
          expect(event.value.sequence).toBe(3);
          break;
        }
      }
      expect(heard[0]).toBe('cursor_unknown');
      const { items } = await reader.getMessageHistory({ id: roomId });
      expect(items.map(({ content }) => content)).toEqual(['other three', 'other two', 'one']);
    } finally {
      await app.stop();
    }
  });

  async function startApp() {
    return await startTestApp({ databaseUrl: database.url, broker: nats.url as `nats://${string}` });
  }

  /** The cursor of a client that has heard of all three. */
  async function hearThreeMessages(): Promise<{ readonly roomId: string; readonly cursor: string }> {
    const app = await startApp();
    try {
      const owner = await chatClient(app.url, { as: 1 });
      const { room } = await owner.createRoom({ type: 'group', name: 'Restored', participants: [2] });
      const roomId = room?.id ?? '';
      const reader = await chatClient(app.url, { as: 2, clientId: 'reader' });
      let cursor = '';
      for await (const event of reader.streamMessages({})) {
        if (cursor === '')
          for (const content of ['one', 'two', 'three']) await owner.sendMessage({ roomId, content });
        cursor = event.cursor || cursor;
        if (event.event.case === 'message' && event.event.value.sequence === 3) break;
      }
      return { roomId, cursor };
    } finally {
      await app.stop();
    }
  }
});
