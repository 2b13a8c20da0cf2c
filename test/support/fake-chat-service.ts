import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError, createRouterTransport, type HandlerContext } from '@connectrpc/connect';
import { encryptMessage } from '../../src/crypto/message-cipher.ts';
import { createRoomKeys } from '../../src/crypto/room-keys.ts';
import { ChatService } from '../../src/gen/services/chat/v1/service_pb.ts';
import {
  type GetMessageHistoryRequest,
  type MessageData,
  MessageDataSchema,
  type MessageEvent,
  MessageEventSchema,
  MessageStatus,
  type Room,
  RoomSchema,
  type SendMessageRequest,
} from '../../src/gen/services/chat/v1/types_pb.ts';
import { BLOB, MASTER } from '../crypto/vectors.ts';

const ROOM = 'room-1';
const key = createRoomKeys(MASTER).open(BLOB);

type Event = NonNullable<MessageInitShape<typeof MessageEventSchema>['event']>;

/** Rooms of Ana (1) and Ben (2) behind the chat contract, in the first of which they talk; its cursors count events. */
export class FakeService {
  readonly messages: MessageData[] = [];
  readonly sent: SendMessageRequest[] = [];
  /** With which cursor each stream was opened. */
  readonly cursors: string[] = [];
  markedIds: string[] = [];
  /** That many SendMessage calls are carried out, but the answer gets lost. */
  loseAnswers = 0;
  refuse: ConnectError | undefined;
  isDown = false;
  /** Ana is no longer in the room. */
  isRemoved = false;
  #events: MessageEvent[] = [];
  #forgotten = 0;
  #changed = Promise.withResolvers<void>();
  #broken = 0;

  readonly transport = createRouterTransport(({ service }) => {
    service(ChatService, {
      getRoom: ({ id }) => {
        const room = this.rooms().find((one) => one.id === id);
        if (room === undefined) throw new ConnectError('room_not_found', Code.NotFound);
        return { room };
      },
      getRooms: () => ({ items: this.rooms() }),
      getRoomParticipants: () => ({
        participants: [
          { id: 1, name: 'Ana', phone: '+1', role: 'OWNER' },
          { id: 2, name: 'Ben', phone: '+2', role: 'MEMBER' },
        ],
      }),
      getMessageHistory: (request) => this.#history(request),
      sendMessage: (request) => this.#send(request),
      markMessagesAsRead: ({ messageIds }) => {
        this.markedIds = messageIds;
        return {};
      },
      sendTyping: () => ({}),
      streamMessages: ({ cursor = '' }, context) => this.#stream(cursor, context),
    });
  });

  rooms(): Room[] {
    const lastSequence = this.messages.length;
    const kitchen = { id: ROOM, name: 'Kitchen', type: 'group', unreadCount: 2, lastSequence };
    const garden = { id: 'room-2', name: 'Garden', type: 'group' };
    return (this.isRemoved ? [garden] : [kitchen, garden]).map((room) => create(RoomSchema, room));
  }

  say(senderId: number, text: string, change: MessageInitShape<typeof MessageDataSchema> = {}): MessageData {
    const sequence = this.messages.length + 1;
    const message = create(MessageDataSchema, {
      id: `m${sequence}`,
      roomId: ROOM,
      sequence,
      senderId,
      senderName: senderId === 1 ? 'Ana' : 'Ben',
      content: text === '' ? '' : encryptMessage(text, key),
      type: 'user_message',
      status: MessageStatus.SENT,
      createdAt: '2024-05-06T07:08:09.000Z',
      ...change,
    });
    this.messages.push(message);
    this.push({ case: 'message', value: message });
    return message;
  }

  read(userId: number, sequence: number): void {
    const value = { messageId: `m${sequence}`, status: MessageStatus.READ, userId, senderId: 1 };
    this.push({ case: 'statusUpdate', value });
  }

  push(event: Event): void {
    const cursor = String(this.#events.length + 1);
    this.#events.push(create(MessageEventSchema, { roomId: ROOM, event, cursor, eventId: cursor }));
    this.#wake();
  }

  /** Ends the streams; `meanwhile` happens before they can be opened again. */
  break(meanwhile: () => void): void {
    this.#broken += 1;
    meanwhile();
    this.#wake();
  }

  /** Nothing that happened until now can be replayed. */
  forgetEvents(): void {
    this.#forgotten = this.#events.length;
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  #history({ id, beforeMessageId, messagesPerRoom }: GetMessageHistoryRequest): { items: MessageData[] } {
    const end = this.messages.findIndex((message) => message.id === beforeMessageId);
    const all = id === ROOM ? this.messages.slice(0, end === -1 ? undefined : end) : [];
    return { items: all.slice(-messagesPerRoom).toReversed() };
  }

  #send(request: SendMessageRequest) {
    if (this.isDown) throw new ConnectError('down', Code.Unavailable);
    if (this.refuse !== undefined) throw this.refuse;
    this.sent.push(request);
    const { senderMessageId = '', content } = request;
    const stored = this.messages.find((message) => message.senderMessageId === senderMessageId);
    const message = stored ?? this.say(1, '', { content, senderMessageId });
    if (this.loseAnswers > 0) {
      this.loseAnswers -= 1;
      throw new ConnectError('lost', Code.Unavailable);
    }
    return { message, success: true };
  }

  async *#stream(cursor: string, { signal }: HandlerContext): AsyncGenerator<MessageEvent> {
    if (this.isDown) throw new ConnectError('down', Code.Unavailable);
    if (this.refuse?.code === Code.Unauthenticated) throw this.refuse;
    this.cursors.push(cursor);
    const broken = this.#broken;
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    let next = cursor === '' ? this.#events.length : Number(cursor);
    if (next < this.#forgotten) {
      yield create(MessageEventSchema, {
        event: { case: 'resyncRequired', value: { reason: 'cursor_expired' } },
      });
      next = this.#events.length;
    }
    // As the service does: the cursor of a heartbeat covers only what was delivered.
    yield create(MessageEventSchema, { event: { case: 'connected', value: true }, cursor: String(next) });
    while (!signal.aborted) {
      for (; next < this.#events.length && broken === this.#broken; next += 1) {
        const event = this.#events[next];
        if (event !== undefined) yield event;
      }
      if (broken !== this.#broken) throw new ConnectError('gone', Code.Unavailable);
      await Promise.race([this.#changed.promise, aborted]);
    }
  }
}
