import { afterAll, beforeAll, inject } from 'vitest';
import { streamDoorContract } from '../contract/stream-door.ts';
import { startTestApp, type TestApp } from '../support/app.ts';
import { STREAM_DOORS } from '../support/stream-doors.ts';

const isShared = inject('postgresUrl') !== '' && inject('canStart').nats;
const env = { MAX_STREAMS_PER_USER: '0', STREAM_BUFFER: '100' };
let app: TestApp;
let other: TestApp | undefined;

beforeAll(async () => {
  app = await startTestApp({ broker: isShared ? 'jetstream' : 'memory', env });
  if (!isShared) return;
  const { databaseUrl, natsUrl } = app;
  other = await startTestApp({ databaseUrl, broker: natsUrl as `nats://${string}`, users: 0, env });
});

afterAll(async () => {
  await other?.stop();
  await app?.stop();
});

for (const door of STREAM_DOORS) streamDoorContract(door, () => ({ url: app.url, otherUrl: other?.url }));
