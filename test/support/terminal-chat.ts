import { randomUUID } from 'node:crypto';
import { connectTo } from '../../src/cli/chat/connection.ts';
import { findRoom } from '../../src/cli/chat/room-choice.ts';
import { ChatSession } from '../../src/cli/chat/session.ts';
import { runUi } from '../../src/cli/chat/ui/run.ts';
import { createRoomKeys, type RoomKey } from '../../src/crypto/room-keys.ts';
import type { Room } from '../../src/gen/services/chat/v1/types_pb.ts';
import { MASTER } from '../crypto/vectors.ts';
import { tokenOf } from './app.ts';
import { MiniTerminal } from './mini-terminal.ts';

/** What the keys send that are not letters. */
export const KEYS = {
  enter: '\r',
  escape: '\x1b',
  tab: '\t',
  shiftTab: '\x1b[Z',
  up: '\x1b[A',
  down: '\x1b[B',
  left: '\x1b[D',
  home: '\x1b[H',
  pageUp: '\x1b[5~',
  pageDown: '\x1b[6~',
  backspace: '\x7f',
  ctrlC: '\x03',
  ctrlG: '\x07',
  ctrlT: '\x14',
  ctrlW: '\x17',
} as const;

/** The chat of a user on a full screen, against a service with the master key of the tests. */
export class TerminalChat {
  readonly terminal: MiniTerminal;
  /** Settles as the chat does. */
  readonly ended: Promise<void>;
  #session: ChatSession | undefined;

  constructor(url: string, me: number, options: { readonly room?: string; readonly columns?: number } = {}) {
    this.terminal = new MiniTerminal(options.columns ?? 100, 24);
    this.ended = this.#run(url, me, options.room);
    this.ended.catch(() => undefined);
  }

  press(...keys: readonly string[]): void {
    for (const one of keys) this.terminal.press(one);
  }

  /** Types a line and enters it. */
  say(text: string): void {
    this.press(text, KEYS.enter);
  }

  async shows(pattern: RegExp): Promise<void> {
    await this.terminal.shows(pattern);
  }

  /** How often something is on the screen; the pattern is global. */
  count(pattern: RegExp): number {
    return this.terminal.text().match(pattern)?.length ?? 0;
  }

  /** Ends it, whatever it is doing. May be called twice. */
  async end(): Promise<void> {
    this.#session?.quit();
    await this.ended.catch(() => undefined);
  }

  async #run(url: string, me: number, room: string | undefined): Promise<void> {
    const client = connectTo(url, `terminal-${randomUUID()}`, await tokenOf(me));
    const keys = createRoomKeys(MASTER);
    const first = await findRoom(client.rpc, { room, partner: undefined });
    const { stdin, stdout } = this.terminal;
    await runUi(
      (view) => {
        const keyOf = ({ encryptionData }: Room): RoomKey => keys.open(encryptionData);
        this.#session = new ChatSession({ client, me, first, keyOf, view, endsWithRoom: false });
        return this.#session;
      },
      { stdin, stdout, coloured: false },
    );
  }
}
