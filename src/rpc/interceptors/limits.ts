import { type DescMethod, isMessage, type Message } from '@bufbuild/protobuf';
import type { ContextValues, Interceptor, StreamRequest, UnaryRequest } from '@connectrpc/connect';
import { uuid } from '../../chat/validation.ts';
import { ChatService } from '../../gen/services/chat/v1/service_pb.ts';
import { SendMessageRequestSchema } from '../../gen/services/chat/v1/types_pb.ts';
import { TokensService } from '../../gen/services/tokens/v1/service_pb.ts';
import type { Limits } from '../../limits/limits.ts';
import type { Claim } from '../../limits/rate-limiter.ts';
import { callKey } from '../context.ts';
import { sinkKey } from '../stream-sink.ts';
import { tooMuch } from './errors.ts';
import { originOf } from './gate.ts';

/** What the interceptor needs. */
export interface LimitsDeps {
  readonly limits: Pick<Limits, 'calls'>;
}

/** What a call falls under; of a stream there is no message yet. */
type Claims = (message: Message | undefined, values: ContextValues) => readonly Claim[];

/** Every other method is not limited by time. */
const CLAIMS: ReadonlyMap<DescMethod, Claims> = new Map<DescMethod, Claims>([
  [ChatService.method.sendMessage, sendMessageClaims],
  [ChatService.method.createRoom, () => [{ limit: 'created_rooms' }]],
  [
    ChatService.method.streamMessages,
    (_, values) => [{ limit: values.get(sinkKey)?.limit ?? 'opened_streams' }],
  ],
  [TokensService.method.saveToken, () => [{ limit: 'saved_tokens' }]],
]);

/**
 * Refuses what a verified caller does too often, before anything is looked up or stored. A call counts when it is made, whatever
 * becomes of it, a repeated one too: its answer costs the same look-ups.
 */
export function createLimitsInterceptor({ limits }: LimitsDeps): Interceptor {
  return (next) => {
    const admitted = async (
      request: UnaryRequest | StreamRequest,
      claims: readonly Claim[],
    ): ReturnType<typeof next> => {
      const caller = request.contextValues.get(callKey)?.caller;
      const { allowed, waitMs } = await limits.calls.take(`user:${caller?.userId}`, claims);
      if (!allowed) throw tooMuch(waitMs, originOf(request, caller?.client.clientId));
      return await next(request);
    };
    return (request) => {
      const claims = CLAIMS.get(request.method);
      return claims === undefined
        ? next(request)
        : admitted(request, claims(request.stream ? undefined : request.message, request.contextValues));
    };
  };
}

/** The room's id makes a key, so only a well-formed one does, in one spelling. What names no room is refused anyway, and keeps that error. */
function sendMessageClaims(message: Message | undefined): readonly Claim[] {
  const room = isMessage(message, SendMessageRequestSchema) ? uuidIn(message.roomId) : undefined;
  if (room === undefined) return [];
  return [{ limit: 'messages_per_user' }, { limit: 'messages_per_user_and_room', of: room }];
}

function uuidIn(text: string): string | undefined {
  try {
    return uuid(text);
  } catch {
    return undefined;
  }
}
