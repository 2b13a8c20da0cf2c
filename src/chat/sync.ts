import { create } from '@bufbuild/protobuf';
import type { Caller } from '../auth/caller.ts';
import {
  type InitialSyncRequest,
  type InitialSyncResponse,
  InitialSyncResponseSchema,
  SyncStrategy,
} from '../gen/services/chat/v1/types_pb.ts';
import type { RoomsRepository } from '../repository/rooms-repository.ts';
import { invalidRequest } from './errors.ts';
import { MAX_MESSAGES_PER_ROOM } from './limits.ts';
import { parseInstant, syncTimestamp } from './time.ts';
import { present } from './validation.ts';

const RECENT_MS = 30 * 86_400_000;

/** What a client missed (behaviour 1.4.22). */
export interface SyncService {
  initialSync(caller: Caller, request: InitialSyncRequest): Promise<InitialSyncResponse>;
}

/** The rules of synchronising over a repository. */
export function createSync(rooms: RoomsRepository): SyncService {
  return {
    async initialSync(caller, request) {
      const startedAt = new Date();
      const since = request.lastSyncTimestamp === '' ? undefined : parseInstant(request.lastSyncTimestamp);
      const scope = syncScope(request, since, startedAt);
      const [list, roomsDeleted, messages] = await Promise.all([
        rooms.getRoomList(caller.userId, { page: 0, limit: 0, search: '', type: '', ...present({ since }) }),
        rooms.getDeletedRoomIds(caller.userId, since),
        rooms.getMessagesForSync(caller.userId, scope),
      ]);
      return create(InitialSyncResponseSchema, {
        rooms: list.items,
        roomsDeleted,
        messages,
        syncTimestamp: syncTimestamp(startedAt),
        summary: {
          roomsSynced: list.items.length,
          roomsDeleted: roomsDeleted.length,
          messagesSynced: messages.length,
          syncDurationMs: String(Date.now() - startedAt.getTime()),
        },
      });
    },
  };
}

/** Which messages a strategy asks for. */
export interface SyncScope {
  readonly after?: string;
  readonly createdAfter?: string;
  readonly perRoom: number;
}

/** Reads strategy and cap (D74): no cap means the largest; a negative one and an unknown strategy are refused. */
export function syncScope(
  request: Pick<InitialSyncRequest, 'syncStrategy' | 'messagesPerRoom'>,
  since: string | undefined,
  now: Date,
): SyncScope {
  const { messagesPerRoom, syncStrategy } = request;
  if (messagesPerRoom < 0) throw invalidRequest();
  const cap = messagesPerRoom === 0 ? MAX_MESSAGES_PER_ROOM : messagesPerRoom;
  const perRoom = Math.min(cap, MAX_MESSAGES_PER_ROOM);
  const recent = new Date(now.getTime() - RECENT_MS).toISOString();
  const all = { perRoom, ...present({ after: since }) };
  switch (syncStrategy) {
    case SyncStrategy.UNSPECIFIED:
    case SyncStrategy.FULL:
      return all;
    case SyncStrategy.RECENT:
      return { ...all, createdAfter: recent };
    case SyncStrategy.MINIMAL:
      return { ...all, perRoom: 1 };
    case SyncStrategy.SMART:
      return since === undefined ? { ...all, createdAfter: recent } : all;
    default:
      throw invalidRequest();
  }
}
