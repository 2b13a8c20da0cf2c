import type { ConnectRouter, ServiceImpl } from '@connectrpc/connect';
import { ChatService } from '../gen/services/chat/v1/service_pb.ts';
import { TokensService } from '../gen/services/tokens/v1/service_pb.ts';
import { UsersService } from '../gen/services/users/v1/service_pb.ts';
import type { RpcDeps } from './deps.ts';
import { messageRoutes } from './messages.ts';
import { roomRoutes } from './rooms.ts';
import { streamRoutes } from './stream.ts';
import { tokenRoutes } from './tokens.ts';
import { userRoutes } from './users.ts';

/** Registers every RPC of the service: the one place that does. */
export function createRoutes(deps: RpcDeps): (router: ConnectRouter) => void {
  // `satisfies`: the router would silently answer a forgotten RPC with `unimplemented`.
  const chat = {
    ...roomRoutes(deps),
    ...messageRoutes(deps),
    ...streamRoutes(deps),
  } satisfies ServiceImpl<typeof ChatService>;
  return (router) => {
    router.service(ChatService, chat);
    router.service(TokensService, tokenRoutes(deps));
    router.service(UsersService, userRoutes(deps));
  };
}
