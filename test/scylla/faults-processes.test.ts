import { onScylla } from '../support/use-scylla.ts';

await onScylla(
  () => import('../faults/postgres.test.ts'),
  () => import('../faults/process.test.ts'),
);
