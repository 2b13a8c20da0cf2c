import pino from 'pino';
import { afterAll, beforeAll, describe, inject } from 'vitest';
import type { Broker } from '../../src/events/broker.ts';
import { createJetStreamBroker } from '../../src/events/jetstream-broker.ts';
import { exerciseStreams, type TestBroker } from '../contract/streams.ts';
import { type NatsServer, startNats } from '../support/nats-server.ts';

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

  exerciseStreams('JetStream', jetStream, 'shared');
  exerciseStreams('JetStream', jetStream, 'per-client');
});
