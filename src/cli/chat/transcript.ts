import { decryptMessage, encryptMessage } from '../../crypto/message-cipher.ts';
import type { RoomKey } from '../../crypto/room-keys.ts';
import { type MessageData, MessageStatus } from '../../gen/services/chat/v1/types_pb.ts';
import type { Look, MessageView, Tick } from './look.ts';
import type { Members } from './members.ts';
import type { Block, Screen } from './screen.ts';
import { harmless } from './text.ts';

/** Messages that are remembered. */
const MAX_ENTRIES = 500;

interface Entry {
  view: MessageView;
  /** 0 until the service has stored it. */
  sequence: number;
  block: Block;
}

/**
 * The messages on the screen: each is shown once, in the order in which it came, and changes in place when it is
 * stored, read, edited or deleted.
 */
export class Transcript {
  readonly #screen: Screen;
  readonly #look: Look;
  readonly #members: Members;
  readonly #me: number;
  readonly #key: RoomKey | undefined;
  readonly #entries = new Map<string, Entry>();
  /** Own lines that the service may have stored already, by sender message id. */
  readonly #drafts = new Map<string, Entry>();
  /** Ids of all that was shown, system messages too. */
  readonly #seen = new Map<string, string>();
  #lastDay = '';
  #firstSequence = 0;
  #lastSequence = 0;

  constructor(options: {
    readonly screen: Screen;
    readonly look: Look;
    readonly members: Members;
    readonly me: number;
    readonly key: RoomKey | undefined;
  }) {
    this.#screen = options.screen;
    this.#look = options.look;
    this.#members = options.members;
    this.#me = options.me;
    this.#key = options.key;
  }

  /** Sequence of the newest message that was shown. */
  get lastSequence(): number {
    return this.#lastSequence;
  }

  /** Own text as the service takes it; undefined without the room's key. */
  encrypt(text: string): string | undefined {
    return this.#key === undefined ? undefined : encryptMessage(text, this.#key);
  }

  /** Shows an own line that is on its way. */
  addDraft(senderMessageId: string, text: string): void {
    const view = {
      ...NOTHING,
      at: new Date(),
      senderId: this.#me,
      name: this.#members.nameOf(this.#me),
      text: harmless(text),
      tick: 'pending',
    } as const;
    this.#drafts.set(senderMessageId, this.#show(view, 0));
  }

  /** A draft that will never be sent. */
  refuseDraft(senderMessageId: string, problem: string): void {
    const entry = this.#drafts.get(senderMessageId);
    this.#drafts.delete(senderMessageId);
    if (entry !== undefined) this.#change(entry, { tick: 'failed', problem });
  }

  /**
   * A stored message: new, or known and perhaps read since. Answers whether it was new.
   * What is older than the first message shown stays unknown: it has no place below it.
   */
  add(message: MessageData): boolean {
    this.#members.learn(message.senderId, message.senderName, message.senderPhone);
    if (this.#seen.has(message.id)) {
      const known = this.#entries.get(message.id);
      if (known?.view.tick === 'sent' && tickOf(message) === 'read') this.#change(known, { tick: 'read' });
      return false;
    }
    if (message.sequence < this.#firstSequence) return false;
    this.#firstSequence ||= message.sequence;
    this.#lastSequence = Math.max(this.#lastSequence, message.sequence);
    keep(this.#seen, message.id, message.id);
    const draft = this.#takeDraft(message);
    if (draft !== undefined) {
      draft.sequence = message.sequence;
      this.#change(draft, { tick: tickOf(message) });
      keep(this.#entries, message.id, draft);
      return false;
    }
    if (message.type === 'system_message') this.#showSystem(message);
    else keep(this.#entries, message.id, this.#show(this.#viewOf(message), message.sequence));
    return true;
  }

  /** A message has another text or other reactions. */
  update(message: MessageData): void {
    const entry = this.#entries.get(message.id);
    if (entry === undefined) return;
    const { text, edited, reactions } = this.#viewOf(message);
    this.#changeOrRepeat(entry, { text, edited, reactions });
  }

  remove(messageId: string): void {
    const entry = this.#entries.get(messageId);
    if (entry !== undefined) this.#changeOrRepeat(entry, { deleted: true });
  }

  /** Somebody has read everything up to this message. */
  read(messageId: string): void {
    const upTo = this.#entries.get(messageId)?.sequence;
    if (upTo === undefined) return;
    for (const entry of this.#entries.values()) {
      if (entry.view.tick === 'sent' && entry.sequence <= upTo) this.#change(entry, { tick: 'read' });
    }
  }

  #takeDraft({ senderId, senderMessageId = '' }: MessageData): Entry | undefined {
    const draft = senderId === this.#me ? this.#drafts.get(senderMessageId) : undefined;
    this.#drafts.delete(senderMessageId);
    return draft;
  }

  #show(view: MessageView, sequence: number): Entry {
    this.#showDay(view.at);
    return { view, sequence, block: this.#screen.add(this.#look.message(view)) };
  }

  /** Answers false when the message has left the screen. */
  #change(entry: Entry, change: Partial<MessageView>): boolean {
    entry.view = { ...entry.view, ...change };
    return entry.block.update(this.#look.message(entry.view));
  }

  /** For what must be noticed. */
  #changeOrRepeat(entry: Entry, change: Partial<MessageView>): void {
    if (!this.#change(entry, change)) entry.block = this.#screen.add(this.#look.message(entry.view));
  }

  #showDay(at: Date): void {
    const day = at.toDateString();
    if (day === this.#lastDay) return;
    this.#lastDay = day;
    this.#screen.add(this.#look.day(at));
  }

  #showSystem(message: MessageData): void {
    const at = new Date(message.createdAt);
    this.#showDay(at);
    const actor = message.senderId === this.#me ? 'you' : this.#members.nameOf(message.senderId);
    this.#screen.add(this.#look.system(at, this.#systemText(message, actor)));
  }

  #systemText({ event = '', content }: MessageData, actor: string): string {
    switch (event) {
      case 'new_member':
        return `${actor} added ${this.#members.nameOfPhone(content)}`;
      case 'remove_member': {
        const who = this.#members.nameOfPhone(content);
        return who === actor ? `${who} left` : `${actor} removed ${who}`;
      }
      case 'new_name':
        return `${actor} named the room “${harmless(content)}”`;
      case 'new_photo':
        return `${actor} changed the room's picture`;
      default:
        return harmless(`${event}: ${content}`);
    }
  }

  #viewOf(message: MessageData): MessageView {
    const { reply } = message;
    return {
      ...NOTHING,
      at: new Date(message.createdAt),
      senderId: message.senderId,
      name: this.#members.nameOf(message.senderId),
      text: message.content === '' ? attachment(message) : this.#decrypt(message),
      tick: message.senderId === this.#me ? tickOf(message) : undefined,
      reply:
        reply === undefined
          ? undefined
          : { name: this.#members.nameOf(reply.senderId), text: this.#decrypt(reply) },
      reactions: message.reactions.map(
        ({ reaction, reactedById }) => `${harmless(reaction)} ${this.#firstName(Number(reactedById))}`,
      ),
      edited: message.edited,
      deleted: message.isDeleted,
    };
  }

  #firstName(userId: number): string {
    return userId === this.#me ? 'you' : (this.#members.nameOf(userId).split(' ')[0] ?? '');
  }

  #decrypt({ content }: MessageData): string | undefined {
    if (content === '') return '';
    try {
      return this.#key === undefined ? undefined : harmless(decryptMessage(content, this.#key));
    } catch {
      return undefined;
    }
  }
}

const NOTHING = {
  tick: undefined,
  reply: undefined,
  reactions: [],
  edited: false,
  deleted: false,
  problem: undefined,
} as const;

/** Adds to a map that forgets its oldest. */
function keep<V>(map: Map<string, V>, key: string, value: V): void {
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= MAX_ENTRIES) break;
    map.delete(oldest);
  }
}

function tickOf({ status }: MessageData): Tick {
  return status === MessageStatus.READ ? 'read' : 'sent';
}

/** A message without text. */
function attachment({ file, locationName, contactName, contactPhone }: MessageData): string {
  if (file !== undefined) return harmless(`📎 ${file}`);
  if (locationName !== undefined) return harmless(`📍 ${locationName}`);
  if (contactName !== undefined) return harmless(`👤 ${contactName} ${contactPhone ?? ''}`.trimEnd());
  return '';
}
