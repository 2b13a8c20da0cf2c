import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { chatClient, startTestApp, type TestApp } from '../support/app.ts';
import { type NatsServer, startNats } from '../support/nats-server.ts';
import { ResumingClient, Sender } from '../support/resuming-client.ts';
import { scrape } from '../support/scrape.ts';

const DISK_BYTES = 8 * 1024 * 1024;
/** Less than the events of a room that are kept. */
const LITTLE = 128 * 1024;
/** More than there is on that disk. */
const MUCH = 1024 ** 3;
const BALLAST_STEP = 64 * 1024;
const EXPIRY = { timeout: 60_000 };

/**
 * The broker's disk is full: sends go on, readiness says why, and when there is room again everybody gets everything.
 * On a small file system where one may be mounted; elsewhere with the limit of the server itself, which refuses in the same way.
 */
describe.skipIf(inject('postgresUrl') === '' || !inject('canStart').nats)('a full disk of NATS', () => {
  let disk: SmallDisk | undefined;
  let nats: NatsServer;
  let app: TestApp;

  beforeAll(async () => {
    disk = mountSmallDisk();
    // More than there is, so that the disk ends before the limit does.
    nats = await startNats(
      disk === undefined ? { maxFileStore: LITTLE } : { storeIn: disk.folder, maxFileStore: MUCH },
    );
    app = await startTestApp({ broker: nats.url as `nats://${string}` });
  });

  afterAll(async () => {
    await app?.stop();
    await nats?.stop();
    disk?.unmount();
  });

  it('stops no send', async () => {
    const client = await chatClient(app.url, { as: 1 });
    const { room } = await client.createRoom({ type: 'group', name: 'Disk', participants: [2] });
    const roomId = room?.id ?? '';
    const reader = new ResumingClient(() => chatClient(app.url, { as: 2, clientId: 'reader' }));
    await reader.untilConnected();
    const sender = new Sender(() => client, roomId, 'disk', { everyMs: 5 });
    await sender.until(20);
    await reader.expectAll(roomId, 1, 20);
    disk?.fill();
    const ready = async (query = ''): Promise<string> =>
      await (await fetch(`${app.url}/readyz${query}`)).text();
    await expect.poll(() => ready(), EXPIRY).toBe('NATS connection is down');
    expect(await ready('?verbose')).toContain('JetStream: ');
    expect((await scrape(app.url)).value('chat_outbox_entries')).toBeGreaterThan(0);
    await sender.until(sender.acknowledged + 50);
    // A nats-server that could not write once takes nothing until it is started again.
    disk?.empty();
    await nats.kill();
    await nats.restart({ maxFileStore: MUCH });
    await expect.poll(() => ready(), EXPIRY).toBe('Ok');
    const count = await sender.stop();
    expect(sender.failures).toEqual([]);
    await reader.expectAll(roomId, 1, count);
    expect(reader.resyncs).toEqual([]);
    await reader.close();
  });
});

interface SmallDisk {
  readonly folder: string;
  /** Leaves no room on it. */
  fill(): void;
  empty(): void;
  unmount(): void;
}

/** A file system in memory; undefined where nothing may be mounted. */
function mountSmallDisk(): SmallDisk | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'chat-disk-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', folder]);
  if (mounted.status !== 0) {
    rmSync(folder, { recursive: true });
    return undefined;
  }
  const ballast = join(folder, 'ballast');
  const step = Buffer.alloc(BALLAST_STEP);
  return {
    folder,
    fill() {
      try {
        for (;;) appendFileSync(ballast, step);
      } catch {
        // Full: that is what was wanted.
      }
    },
    empty: () => rmSync(ballast, { force: true }),
    unmount() {
      spawnSync('umount', ['-l', folder]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
