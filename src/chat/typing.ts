import { create } from '@bufbuild/protobuf';
import type { Caller } from '../auth/caller.ts';
import {
  type MessageEvent,
  type SendTypingRequest,
  type SendTypingResponse,
  SendTypingResponseSchema,
} from '../gen/services/chat/v1/types_pb.ts';
import type { RoomsRepository } from '../repository/rooms-repository.ts';
import { typingEvent } from './events.ts';
import { lightRoom } from './members.ts';
import { checkMaySend } from './message-rules.ts';
import { seconds } from './time.ts';
import { uuid } from './validation.ts';

/** At most one "is typing" per user and room in this time. */
export const TYPING_INTERVAL_MS = 2_000;
const MAX_REMEMBERED = 10_000;

/** Tells all instances, at most once, that somebody types or stopped. Never fails, never waits. */
export interface TypingNotifier {
  typing(roomId: string, userId: number, event: MessageEvent): void;
}

/** Typing (extensions 4). */
export interface TypingService {
  sendTyping(caller: Caller, request: SendTypingRequest): Promise<SendTypingResponse>;
}

/** What {@link createTyping} stands on. `now` is in milliseconds and never goes back. */
export interface TypingDeps {
  readonly rooms: Pick<RoomsRepository, 'getRoom'>;
  readonly notifier: TypingNotifier;
  readonly now?: () => number;
}

/** The rules of typing: who may send may type; repeats within two seconds are dropped, "stopped" never is. */
export function createTyping({ rooms, notifier, now = () => performance.now() }: TypingDeps): TypingService {
  const throttle = createThrottle(now);
  return {
    async sendTyping(caller, request) {
      const room = await lightRoom(rooms, caller.userId, uuid(request.roomId));
      checkMaySend(room);
      if (!request.isTyping || throttle(`${caller.userId} ${room.id}`)) {
        const event = typingEvent(room.id, caller.userId, request.isTyping, seconds(new Date()));
        notifier.typing(room.id, caller.userId, event);
      }
      return create(SendTypingResponseSchema, { success: true });
    },
  };
}

/** Lets a key pass once per interval. Remembers at most {@link MAX_REMEMBERED} keys; the oldest are forgotten first. */
function createThrottle(now: () => number): (key: string) => boolean {
  const passedAt = new Map<string, number>();
  return (key) => {
    const time = now();
    const last = passedAt.get(key);
    if (last !== undefined && time - last < TYPING_INTERVAL_MS) return false;
    // Delete first: a map keeps the place of a key that it has.
    passedAt.delete(key);
    passedAt.set(key, time);
    if (passedAt.size > MAX_REMEMBERED) {
      for (const oldest of passedAt.keys()) {
        passedAt.delete(oldest);
        break;
      }
    }
    return true;
  };
}
