import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type { Caller } from '../auth/caller.ts';
import { ChatError } from '../chat/errors.ts';
import { uuid } from '../chat/validation.ts';
import type { ChatService } from '../gen/services/chat/v1/service_pb.ts';
import type { MessageEvent, StreamMessagesRequest } from '../gen/services/chat/v1/types_pb.ts';
import type { Logger } from '../logger.ts';
import type { DeliveredEvent, StreamRequest } from '../streams/streams.ts';
import { endCall } from './call-span.ts';
import { callerOf } from './context.ts';
import type { RpcDeps } from './deps.ts';
import { sinkKey } from './stream-sink.ts';
import { codecOf, frame, responseKey, write } from './stream-writer.ts';

/** The event stream. */
export function streamRoutes({
  streams,
  logger,
}: RpcDeps): Pick<ServiceImpl<typeof ChatService>, 'streamMessages'> {
  return {
    async *streamMessages(
      request: StreamMessagesRequest,
      context: HandlerContext,
    ): AsyncGenerator<MessageEvent> {
      const order = streamRequest(callerOf(context), request);
      const response = context.values.get(responseKey);
      const sink = context.values.get(sinkKey);
      const codec = codecOf(context.requestHeader.get('content-type'));
      let isFirst = true;
      // The signal, not the generator's end, releases what the stream holds: a cancelled call may never resume the generator.
      const signal = sink === undefined ? context.signal : AbortSignal.any([context.signal, sink.enough]);
      for await (const batch of streams.open(order, signal)) {
        if (isFirst) endCall(context, 'ok');
        if (sink !== undefined) await sink.take(batch, signal);
        else if (isFirst || response === undefined) for (const { event } of batch) yield event;
        else await write(response, frame(batch, codec), context.signal);
        isFirst = false;
        if (logger.isLevelEnabled('debug')) logDelivered(logger, order, batch);
      }
    },
  };
}

/** Behaviour R18. What the stream says of itself (heartbeats, `resync_required`) is nobody's event. */
function logDelivered(
  logger: Logger,
  { userId, clientId }: StreamRequest,
  batch: readonly DeliveredEvent[],
): void {
  for (const { subject, event } of batch) {
    if (subject === undefined) continue;
    const { roomId, eventId } = event;
    logger.debug(
      { subject, clientId, roomId, event: event.event.case, eventId, userId },
      'delivered an event',
    );
  }
}

/**
 * What to stream to whom. Refuses a caller without an explicit client id (`client_id_needed`) and a malformed room id;
 * an empty room id or cursor is none.
 */
export function streamRequest(caller: Caller, request: StreamMessagesRequest): StreamRequest {
  const { clientId, platform } = caller.client;
  if (clientId === undefined || clientId === '') throw new ChatError('client_id_needed');
  return {
    userId: caller.userId,
    clientId,
    expiresAt: caller.expiresAt,
    platform,
    ...(request.roomId ? { roomId: uuid(request.roomId) } : {}),
    ...(request.cursor ? { cursor: request.cursor } : {}),
  };
}
