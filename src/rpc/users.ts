import type { ServiceImpl } from '@connectrpc/connect';
import type { UsersService } from '../gen/services/users/v1/service_pb.ts';
import { type RpcDeps, unary } from './deps.ts';

/** User administration. */
export function userRoutes({ chat: { users } }: RpcDeps): ServiceImpl<typeof UsersService> {
  return {
    upsertUsers: unary(users.upsertUsers),
    getUsers: unary(users.getUsers),
    removeUsers: unary(users.removeUsers),
  };
}
