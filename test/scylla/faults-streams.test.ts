import { onScylla } from '../support/use-scylla.ts';

await onScylla(
  () => import('../faults/nats.test.ts'),
  () => import('../faults/streams.test.ts'),
  () => import('../faults/two-instances.test.ts'),
);
