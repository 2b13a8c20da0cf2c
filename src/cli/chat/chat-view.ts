import type { Conversation, Item } from './conversation.ts';
import type { RoomEntry } from './room-list.ts';

/** How a notice is meant. */
export type Mood = 'good' | 'bad' | 'plain';

/** Who shows a chat: it hears what happens, and reads the session for the rest. All texts are fit for a terminal. */
export interface ChatView {
  /** Another room is open now; `about` says what kind of room it is. */
  opened(room: RoomEntry, conversation: Conversation, about: string): void;
  /** An item of the open room is new or another. */
  item(item: Item): void;
  /** The client has something to say. */
  notice(text: string, mood: Mood): void;
  /** The answer to a command. */
  table(title: string, rows: readonly (readonly string[])[]): void;
  /** What can be typed or pressed here. */
  help(): void;
  /** Who types in the open room, or nobody; in words. */
  typing(text: string): void;
  /** A text to be changed and entered. */
  prefill(text: string): void;
  /** Anything else is another than before: rooms, connection, what waits. */
  changed(): void;
}
