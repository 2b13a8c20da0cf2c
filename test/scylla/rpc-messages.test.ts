import { onScylla } from '../support/use-scylla.ts';

await onScylla(
  () => import('../rpc/messages.test.ts'),
  () => import('../rpc/receipts.test.ts'),
  () => import('../rpc/stream.test.ts'),
  () => import('../rpc/sync.test.ts'),
  () => import('../notifications/outgoing.test.ts'),
  () => import('../cli/chat.test.ts'),
);
