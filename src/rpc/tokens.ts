import type { ServiceImpl } from '@connectrpc/connect';
import type { TokensService } from '../gen/services/tokens/v1/service_pb.ts';
import { type RpcDeps, unary } from './deps.ts';

/** Push tokens of devices. */
export function tokenRoutes({ chat: { pushTokens } }: RpcDeps): ServiceImpl<typeof TokensService> {
  return { saveToken: unary(pushTokens.saveToken) };
}
