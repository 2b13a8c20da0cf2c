import { createMemoryBroker } from '../../src/events/memory-broker.ts';
import { exerciseStreams, type TestBroker } from '../contract/streams.ts';

async function inProcess(): Promise<TestBroker> {
  const broker = createMemoryBroker();
  await broker.start();
  return { broker, another: async () => broker, dispose: () => broker.stop() };
}

exerciseStreams('the in-process broker', inProcess, 'shared');
exerciseStreams('the in-process broker', inProcess, 'per-client');
