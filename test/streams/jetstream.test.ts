import { randomInt } from 'node:crypto';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { Broker } from '../../src/events/broker.ts';
import { createJetStreamBroker } from '../../src/events/jetstream-broker.ts';
import { createStreams } from '../../src/streams/streams.ts';
import { exerciseStreams, type TestBroker } from '../contract/streams.ts';
import { ChatModel } from '../support/chat-model.ts';
import { type NatsServer, startNats } from '../support/nats-server.ts';
import { POLL, StreamClient } from '../support/stream-client.ts';

const logger = pino({ level: 'silent' });

describe.skipIf(!inject('canStart').nats)('with a server of its own', () => {
  let server: NatsServer;

  beforeAll(async () => {
    server = await startNats();
  });

  afterAll(async () => {
    await server.stop();
  });

  async function jetStream(): Promise<TestBroker> {
    const brokers: Broker[] = [];
    const connect = async (): Promise<Broker> => {
      const broker = createJetStreamBroker({ servers: [server.url], logger });
      brokers.push(broker);
      await broker.start();
      return broker;
    };
    const broker = await connect();
    return {
      broker,
      another: connect,
      async dispose() {
        await Promise.all(brokers.map((each) => each.stop()));
      },
    };
  }

  test.for(['shared', 'per-client'] as const)(
    '%s: when the server loses its store, open streams hear of it and go on',
    async (consumers) => {
      const { broker, dispose } = await jetStream();
      const model = new ChatModel(broker);
      const [ann, bob] = [randomInt(1, 2_000_000_000), 7];
      const room = model.room(ann, bob);
      const streams = createStreams({
        broker,
        directory: model,
        positions: model,
        logger,
        settings: {
          heartbeatMs: 200,
          bufferEvents: 1_000,
          bufferBytes: 1024 * 1024,
          maxStreamsPerUser: 0,
          consumers,
        },
      });
      await streams.start();
      const request = { userId: ann, clientId: 'phone', expiresAt: Date.now() + 3_600_000, platform: 'web' };
      const client = await new StreamClient(streams, request).untilConnected();
      model.erase(room, bob);
      await model.publish();
      await client.untilHas(model.log[0]?.eventId ?? '');
      await server.kill();
      await server.restart({ wipe: true });
      await expect.poll(() => client.story, { timeout: 30_000 }).toContain('cursor_unknown');
      const after = client.story.lastIndexOf('cursor_unknown');
      await expect.poll(() => client.story.slice(after), POLL).toContain('connected');
      const last = model.erase(room, bob);
      await model.publish();
      await client.untilHas(last);
      expect(client.ended).toBeUndefined();
      await client.close();
      await streams.stop();
      await dispose();
    },
  );

  exerciseStreams('JetStream', jetStream, 'shared');
  exerciseStreams('JetStream', jetStream, 'per-client');
});
