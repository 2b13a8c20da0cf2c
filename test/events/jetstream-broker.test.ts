import pino from 'pino';
import { describe, inject } from 'vitest';
import { createJetStreamBroker } from '../../src/events/jetstream-broker.ts';
import { exerciseBroker } from '../contract/broker.ts';

const natsUrl = inject('natsUrl');

describe.skipIf(natsUrl === '')('with a NATS server', () => {
  exerciseBroker('JetStream broker', async () =>
    createJetStreamBroker({ servers: [natsUrl], logger: pino({ level: 'silent' }) }),
  );
});
