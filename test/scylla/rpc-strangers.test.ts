import { onScylla } from '../support/use-scylla.ts';

await onScylla(
  () => import('../rpc/authorisation-matrix.test.ts'),
  () => import('../rpc/bad-input.test.ts'),
);
