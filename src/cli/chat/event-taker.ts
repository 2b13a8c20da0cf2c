import { Code, ConnectError } from '@connectrpc/connect';
import { type MessageEvent, MessageStatus, type Room } from '../../gen/services/chat/v1/types_pb.ts';
import type { ChatView } from './chat-view.ts';
import type { ChatRpc } from './connection.ts';
import type { Conversations } from './conversations.ts';
import type { RoomList } from './room-list.ts';

/** What taking in events needs. */
interface EventTakerDeps {
  readonly me: number;
  readonly rpc: ChatRpc;
  readonly rooms: RoomList;
  readonly conversations: Conversations;
  readonly view: ChatView;
  /** Of the open room. */
  readonly openId: () => string;
  /** The user is no longer in this room. */
  readonly left: (roomId: string, reason: string | undefined) => void;
}

type EventOf<Case extends MessageEvent['event']['case']> = Extract<
  MessageEvent['event'],
  { readonly case: Case }
>['value'];

const ROOMS_PER_PAGE = 50;
const MAX_ROOMS = 200;

/** Takes into rooms and conversations what the service tells. What rejects may be repeated. */
export class EventTaker {
  readonly #deps: EventTakerDeps;

  constructor(deps: EventTakerDeps) {
    this.#deps = deps;
  }

  /** Reads the list of rooms, the first 200. */
  async loadRooms(): Promise<void> {
    const { rpc, rooms } = this.#deps;
    const all: Room[] = [];
    for (let page = 1; all.length < MAX_ROOMS; page += 1) {
      const { items } = await rpc.getRooms({ page, limit: ROOMS_PER_PAGE });
      all.push(...items);
      if (items.length < ROOMS_PER_PAGE) break;
    }
    rooms.replace(all);
  }

  /** Events are missing, for this reason: reads what happened meanwhile. */
  async resync(reason: string): Promise<void> {
    const { rooms, conversations, view, openId } = this.#deps;
    const last = conversations.get(openId())?.lastSequence ?? 0;
    view.notice(`resync (${reason}): what happened meanwhile is read from the history`, 'plain');
    await this.loadRooms();
    // The user is no longer in it: this opens another one.
    if (rooms.get(openId()) === undefined) this.#forget(openId(), undefined);
    await conversations.resync(openId());
    const hasHole = (conversations.get(openId())?.firstSequence ?? 0) > last + 1;
    if (hasHole) view.notice('only the newest messages are shown', 'plain');
    this.seen(openId());
  }

  async take({ roomId, event, room }: MessageEvent): Promise<void> {
    const { rooms, conversations } = this.#deps;
    switch (event.case) {
      case 'message':
        return await this.#message(roomId, event.value);
      case 'updateMessage':
        rooms.update(event.value);
        conversations.get(roomId)?.update(event.value);
        return;
      case 'deleteMessage':
        conversations.get(roomId)?.remove(event.value);
        return await this.refresh(roomId);
      case 'statusUpdate':
        return await this.#status(roomId, event.value);
      case 'typing':
        rooms.typing(roomId, event.value.userId, event.value.isTyping);
        return;
      case 'isRoomUpdated':
      case 'roomJoin':
        if (room === undefined) await this.refresh(roomId);
        else this.#put(room);
        return;
      case 'roomLeave':
        this.#leave(roomId, event.value);
    }
  }

  /** What is in a room the user has seen, when it is the open one. */
  seen(roomId: string): void {
    const { openId, rooms, conversations } = this.#deps;
    if (roomId !== openId() || conversations.get(roomId) === undefined) return;
    rooms.markRead(roomId);
    conversations.markRead(roomId);
  }

  /** Asks for the room as it is now; one that the user is not in any more goes. */
  async refresh(roomId: string): Promise<void> {
    try {
      const { room } = await this.#deps.rpc.getRoom({ id: roomId });
      if (room !== undefined) this.#put(room);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      this.#forget(roomId, undefined);
    }
  }

  async #message(roomId: string, message: EventOf<'message'>): Promise<void> {
    const { rooms, conversations } = this.#deps;
    if (rooms.get(roomId) === undefined) await this.refresh(roomId);
    const conversation = conversations.get(roomId);
    // It names people by their phones.
    if (message.type === 'system_message') await this.#membersChanged(roomId);
    rooms.message(message);
    conversation?.add(message);
    this.seen(roomId);
  }

  async #membersChanged(roomId: string): Promise<void> {
    try {
      await this.#deps.conversations.membersChanged(roomId);
    } catch (error) {
      // It was the user who was removed: that comes next.
      if (!isNotFound(error)) throw error;
    }
  }

  async #status(roomId: string, { status, userId, messageId }: EventOf<'statusUpdate'>): Promise<void> {
    const { me, conversations, openId } = this.#deps;
    if (status !== MessageStatus.READ) return;
    if (userId !== me) conversations.get(roomId)?.read(messageId);
    // Read on another device of the user.
    else if (roomId !== openId()) await this.refresh(roomId);
  }

  #leave(roomId: string, { usersId, reason }: EventOf<'roomLeave'>): void {
    if (usersId.includes(this.#deps.me)) this.#forget(roomId, reason);
  }

  #put(room: Room): void {
    this.#deps.rooms.put(room);
    this.seen(room.id);
  }

  #forget(roomId: string, reason: string | undefined): void {
    this.#deps.rooms.remove(roomId);
    this.#deps.conversations.forget(roomId);
    this.#deps.left(roomId, reason);
  }
}

function isNotFound(error: unknown): boolean {
  return ConnectError.from(error).code === Code.NotFound;
}
