import { Client } from 'cassandra-driver';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { type CassandraServer, startCassandra } from './cassandra-server.ts';

/** A client that gives up soon; it is closed after the test. */
async function connect(server: CassandraServer): Promise<Client> {
  const client = new Client({
    contactPoints: [server.contactPoint],
    localDataCenter: 'datacenter1',
    socketOptions: { readTimeout: 500 },
  });
  onTestFinished(() => client.shutdown());
  await client.connect();
  return client;
}

describe.runIf(inject('canStart').cassandra)('a Cassandra for tests', () => {
  test('keeps what it acknowledged when it is killed, and answers nothing while it is paused', async () => {
    const server = await startCassandra();
    onTestFinished(() => server.stop());
    const before = await connect(server);
    const slow = { readTimeout: 20_000 };
    await before.execute(
      "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
      [],
      slow,
    );
    await before.execute('CREATE TABLE k.t (id int PRIMARY KEY, note text)', [], slow);
    const ids = Array.from({ length: 200 }, (_, id) => id);
    const insert = 'INSERT INTO k.t (id, note) VALUES (?, ?)';
    await Promise.all(ids.map((id) => before.execute(insert, [id, 'kept'], { ...slow, prepare: true })));

    await server.kill();
    await expect(before.execute('SELECT id FROM k.t')).rejects.toThrow();
    await server.restart();

    const after = await connect(server);
    const { rows } = await after.execute('SELECT id FROM k.t', [], slow);
    expect(rows.map((row) => row.id).sort((a, b) => a - b)).toEqual(ids);

    server.pause();
    await expect(after.execute('SELECT id FROM k.t')).rejects.toThrow();
    server.resume();
    await expect.poll(async () => (await after.execute('SELECT id FROM k.t', [], slow)).rowLength).toBe(200);
  });
});
