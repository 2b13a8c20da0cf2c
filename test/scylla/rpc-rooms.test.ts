import { onScylla } from '../support/use-scylla.ts';

await onScylla(
  () => import('../rpc/rooms.test.ts'),
  () => import('../rpc/members.test.ts'),
  () => import('../rpc/typing.test.ts'),
  () => import('../rpc/users.test.ts'),
  () => import('../rpc/settings.test.ts'),
  () => import('../chat/remove-users.test.ts'),
);
