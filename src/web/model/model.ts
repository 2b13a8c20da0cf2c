/**
 * What the page shows and what a user can do there: the only thing that the components in `ui/` know. State is signals, read by
 * components as `.value`; actions resolve when the service has answered, and reject with an ActionError whose text people can read.
 */
import type { ReadonlySignal } from '@preact/signals';

/** Somebody. */
export interface Person {
  readonly id: number;
  readonly name: string;
  /** Address of a picture, `data:` included; empty when there is none. */
  readonly avatar: string;
}

/** A member of a room. */
export interface Member extends Person {
  readonly role: Role;
}

export type Role = 'OWNER' | 'ADMIN' | 'MEMBER';
export type RoomKind = 'p2p' | 'group' | 'channel';

/** A room in the list. */
export interface RoomView {
  readonly id: string;
  readonly kind: RoomKind;
  /** Of a p2p room: the partner's name. */
  readonly name: string;
  readonly description: string;
  readonly picture: string;
  /** The caller's own. */
  readonly role: Role;
  readonly isPinned: boolean;
  readonly isMuted: boolean;
  readonly isPartnerBlocked: boolean;
  readonly unread: number;
  readonly lastMessage:
    | {
        readonly senderName: string;
        readonly isMine: boolean;
        readonly text: string;
        readonly at: Date;
        readonly tick: Tick | undefined;
      }
    | undefined;
  /** Who is typing in it now, never the caller. */
  readonly typing: readonly string[];
  /** What the caller may do in it. */
  readonly may: {
    readonly write: boolean;
    readonly addMembers: boolean;
    readonly edit: boolean;
    readonly setRoles: boolean;
  };
  /** Whether members may write, add members, edit: the room's own settings. */
  readonly allows: { readonly write: boolean; readonly addMembers: boolean; readonly edit: boolean };
}

/** Where an own message stands. */
export type Tick = 'waiting' | 'sent' | 'read' | 'failed';

/** A message in a conversation. */
export interface MessageView {
  /** The service's id; undefined while it waits for being sent. */
  readonly id: string | undefined;
  /** Stays the same from the moment it is typed. */
  readonly key: string;
  readonly sequence: number | undefined;
  readonly sender: Person;
  readonly isMine: boolean;
  /** `system`: `text` says what happened, in words. */
  readonly kind: 'message' | 'system';
  /** Decrypted; undefined when it can't be. Empty when deleted. */
  readonly text: string | undefined;
  readonly at: Date;
  /** Undefined: somebody else's. */
  readonly tick: Tick | undefined;
  /** Why it was not sent. */
  readonly problem: string | undefined;
  readonly isEdited: boolean;
  readonly isDeleted: boolean;
  readonly reply:
    | { readonly id: string; readonly senderName: string; readonly text: string | undefined }
    | undefined;
  readonly forwardedFrom: string | undefined;
  readonly reactions: readonly {
    readonly emoji: string;
    readonly by: readonly Person[];
    readonly isMine: boolean;
  }[];
  readonly mentions: readonly { readonly tag: string; readonly userId: number; readonly name: string }[];
  /** The caller is mentioned. */
  readonly mentionsMe: boolean;
  readonly may: { readonly edit: boolean; readonly delete: boolean };
}

/** The open room. */
export interface ConversationView {
  readonly room: RoomView;
  readonly members: readonly Member[];
  /** Oldest first, those that wait for being sent last. */
  readonly messages: readonly MessageView[];
  /** Older ones can be loaded. */
  readonly hasOlder: boolean;
  readonly isLoading: boolean;
  /** The messages could not be read; they are read again when the service can be reached. */
  readonly hasFailed: boolean;
  /** Up to this sequence everything was read when the room was opened: the "new" line goes after it. Undefined: nothing is new. */
  readonly readUpTo: number | undefined;
}

/** How the page hears of what happens. */
export interface Connection {
  /** `switched-off`: by the user's own switch. */
  readonly state: 'connecting' | 'online' | 'offline' | 'switched-off';
  /** Why it is offline. */
  readonly reason: string | undefined;
  /** When it is tried again, milliseconds since 1970. */
  readonly retryAt: number | undefined;
  /** This tab holds the browser's stream of this user, or hears from the tab that does. */
  readonly role: 'holds the stream' | 'listens to another tab';
  /** Messages that wait for the service. */
  readonly waiting: number;
}

/** A line of the inspector. */
export interface Frame {
  readonly number: number;
  readonly at: Date;
  /** `call`: an RPC and its answer; `frame`: of the stream; `drop`: came twice and was dropped; `status`: of the connection. */
  readonly kind: 'call' | 'frame' | 'drop' | 'status';
  /** `SendMessage`, `message`, `heartbeat`, `online` … */
  readonly name: string;
  /** `ok`, a Connect code, or empty. */
  readonly outcome: string;
  readonly durationMs: number | undefined;
  /** In the order in which they are shown: room, sequence, senderMessageId, eventId, cursor …; never a token, a key or a text. */
  readonly details: readonly (readonly [name: string, value: string])[];
}

/** A new room. */
export interface NewRoom {
  readonly kind: RoomKind;
  readonly name: string;
  readonly description: string;
  /** Without the caller. */
  readonly members: readonly number[];
}

/** What a message has beside its text. */
export interface MessageExtras {
  readonly replyTo?: string;
  readonly mentions?: readonly { readonly tag: string; readonly userId: number }[];
}

/** An action did not succeed; the text is for people. */
export class ActionError extends Error {}

/** A signed-in user's chat. */
export interface ChatModel {
  readonly me: Person;
  readonly connection: ReadonlySignal<Connection>;
  /** Pinned ones first, then by the last message, newest first. */
  readonly allRooms: ReadonlySignal<readonly RoomView[]>;
  /** Those of them that match the search. */
  readonly rooms: ReadonlySignal<readonly RoomView[]>;
  readonly hasLoaded: ReadonlySignal<boolean>;
  readonly search: ReadonlySignal<string>;
  readonly conversation: ReadonlySignal<ConversationView | undefined>;
  /** The newest 500, oldest first. */
  readonly frames: ReadonlySignal<readonly Frame[]>;
  /** Who can be written to or added: demo users, and members of known rooms. */
  readonly people: ReadonlySignal<readonly Person[]>;

  setSearch(text: string): void;
  /** Opens a room and marks it as read while the page is visible; undefined closes it. */
  open(roomId: string | undefined): Promise<void>;
  loadOlder(): Promise<void>;
  /** Returns at once: the message is in the conversation as `waiting`. */
  send(text: string, extras?: MessageExtras): void;
  /** Sends what failed again. */
  retry(key: string): void;
  /** Takes back what failed or still waits. */
  discard(key: string): void;
  /** The user is typing in the open room; call it for each key. */
  typing(): void;
  edit(messageId: string, text: string): Promise<void>;
  remove(messageId: string): Promise<void>;
  /** The same emoji again takes it back. */
  react(messageId: string, emoji: string): Promise<void>;
  forward(messageId: string, toRoomId: string): Promise<void>;
  /** Who has read it, with the time. */
  readBy(messageId: string): Promise<readonly (Person & { readonly at: Date })[]>;

  /** Answers the room's id; the room of two people that exists already. */
  createRoom(room: NewRoom): Promise<string>;
  pin(roomId: string): Promise<void>;
  mute(roomId: string): Promise<void>;
  /** The partner of a p2p room, or lets them again. */
  block(roomId: string): Promise<void>;
  rename(roomId: string, name: string, description: string): Promise<void>;
  /** What members may do. */
  allow(roomId: string, allows: Partial<RoomView['allows']>): Promise<void>;
  addMembers(roomId: string, userIds: readonly number[]): Promise<void>;
  removeMember(roomId: string, userId: number): Promise<void>;
  setRole(roomId: string, userId: number, role: 'ADMIN' | 'MEMBER'): Promise<void>;
  leave(roomId: string): Promise<void>;

  /** The offline switch: off, nothing leaves and nothing arrives, as if the network were gone. */
  setOnline(online: boolean): void;
  /** Ends streams and timers. */
  close(): void;
}

/** How the page was set up by the service. */
export interface WebSetup {
  /** Whom one can sign in as without a token; empty: everybody brings a token and the keys. */
  readonly demoUsers: readonly Person[];
}

/** What signing in needs where there are no demo users. */
export interface Credentials {
  readonly token: string;
  /** Master key and IV of the service, hex; empty: messages stay locked. */
  readonly chatKey: string;
  readonly chatIv: string;
}

/** What `main.tsx` gets from the model's folder (`session.ts`): `readSetup()` and `signIn(who)`. */
export interface Sessions {
  readSetup(): Promise<WebSetup>;
  signIn(who: number | Credentials): Promise<ChatModel>;
}
