import type { RoomKeys } from '../crypto/room-keys.ts';
import type { RoomsRepository } from '../repository/rooms-repository.ts';
import type { TokensRepository } from '../repository/tokens-repository.ts';
import type { UsersRepository } from '../repository/users-repository.ts';
import type { ChatLimits } from './limits.ts';
import { createMembers, type MembersService } from './members.ts';
import { createMessages, type MessagesService } from './messages.ts';
import { createPushTokens, type PushTokensService } from './push-tokens.ts';
import { createReceipts, type ReceiptsService } from './receipts.ts';
import { createRooms, type RoomsService } from './rooms.ts';
import { createSync, type SyncService } from './sync.ts';
import { createTyping, type TypingNotifier, type TypingService } from './typing.ts';
import { createUsers, type UsersService } from './users.ts';

/** Everything a front door can ask of the chat, except the event stream. */
export interface Chat {
  readonly rooms: RoomsService;
  readonly members: MembersService;
  readonly messages: MessagesService;
  readonly receipts: ReceiptsService;
  readonly sync: SyncService;
  readonly typing: TypingService;
  readonly users: UsersService;
  readonly pushTokens: PushTokensService;
}

/** What the chat stands on. */
export interface ChatDeps {
  readonly rooms: RoomsRepository;
  readonly users: UsersRepository;
  readonly tokens: TokensRepository;
  readonly keys: RoomKeys;
  readonly typing: TypingNotifier;
  readonly limits: ChatLimits;
  /** Hears of each message of a user that was stored, for metrics. */
  readonly sent?: (roomType: string) => void;
}

/** The chat over its ports. Holds no state but the memory of who typed lately. */
export function createChat({ rooms, users, tokens, keys, typing, limits, sent }: ChatDeps): Chat {
  return {
    rooms: createRooms({ rooms, keys, limits }),
    members: createMembers({ rooms, limits }),
    messages: createMessages({ rooms, keys, limits, sent }),
    receipts: createReceipts(rooms),
    sync: createSync(rooms),
    typing: createTyping({ rooms, notifier: typing }),
    users: createUsers({ users, rooms }),
    pushTokens: createPushTokens(tokens),
  };
}
