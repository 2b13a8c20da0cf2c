import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { type ReadonlySignal, signal } from '@preact/signals';
import { type ChatClient, type ConnectionStatus, StreamReplacedError } from '../../client/client.ts';
import { type MessageEvent, MessageEventSchema } from '../../gen/services/chat/v1/types_pb.ts';
import { inWords } from './action-error.ts';
import type { EventIds } from './event-ids.ts';
import type { Inspector } from './inspector.ts';
import type { Connection } from './model.ts';
import { noteIn, type StreamStatus, type TabNote } from './tab-notes.ts';

/** What happens, in order; nothing is told twice. */
export interface StreamListener {
  event(event: MessageEvent): void;
  /** Something may be missing: read the record. */
  resync(reason: string): void;
  /** A room is not what it was, by this user's doing in another tab. */
  changed(roomId: string): void;
}

/** What a shared stream needs. */
export interface SharedStreamDeps {
  readonly client: Pick<ChatClient, 'events' | 'wake'>;
  /** Of the user in this browser: names the lock, the channel and the stored cursor. */
  readonly name: string;
  readonly known: EventIds;
  readonly inspector: Inspector;
  readonly listener: StreamListener;
}

const CONNECTING: StreamStatus = { state: 'connecting', reason: undefined, retryAt: undefined };
/** A stream that another one has replaced comes back so often: tabs that change places may meet, two browsers must not fight. */
const MAX_RETURNS = 5;
const RETURN_MS = 1_000;

/**
 * One stream of the service for all tabs of a user in this browser.
 *
 * - The tab that has the lock holds the stream, and tells the others what it brings. When it goes, the next one in line resumes at the
 *   cursor of what it was told last.
 * - A tab that was switched off has heard nothing meanwhile: when it is back it takes the lock away and resumes at its own cursor; the
 *   others drop what they know.
 * - Without a cursor nobody knows what was missed before the stream was open: then the record is read again.
 */
export class SharedStream {
  readonly #deps: SharedStreamDeps;
  readonly #channel: BroadcastChannel;
  readonly #role = signal<Connection['role']>('listens to another tab');
  readonly #status = signal<StreamStatus>(CONNECTING);
  readonly role: ReadonlySignal<Connection['role']> = this.#role;
  readonly status: ReadonlySignal<StreamStatus> = this.#status;
  #off = new AbortController();
  #cursor: string | undefined;
  #returns = 0;

  constructor(deps: SharedStreamDeps) {
    this.#deps = deps;
    this.#channel = new BroadcastChannel(deps.name);
    this.#channel.onmessage = ({ data }) => this.#hear(noteIn(data));
    this.#off.abort();
  }

  /** From now on everything is told: what is read from the record afterwards has no gap to it. */
  start(): void {
    this.#cursor = localStorage.getItem(this.#deps.name) ?? undefined;
    this.#begin(false);
  }

  /** Off, the stream is another tab's, and nothing is heard. */
  setOnline(online: boolean): void {
    if (online === !this.#off.signal.aborted) return;
    if (online) this.#begin(true);
    else this.#off.abort();
  }

  tellChanged(roomId: string): void {
    this.#tell({ kind: 'changed', roomId });
  }

  close(): void {
    this.#off.abort();
    this.#channel.onmessage = null;
    this.#channel.close();
  }

  #begin(takeAway: boolean): void {
    this.#off = new AbortController();
    this.#status.value = CONNECTING;
    void this.#compete(takeAway, this.#off.signal);
    this.#tell({ kind: 'hello' });
  }

  async #compete(takeAway: boolean, off: AbortSignal): Promise<void> {
    for (let steal = takeAway; !off.aborted; steal = false) {
      if (!(await this.#hold(steal, off))) return;
    }
  }

  /** Waits for the lock and holds the stream while it has it. Answers whether it makes sense to stand in line again. */
  async #hold(steal: boolean, off: AbortSignal): Promise<boolean> {
    const stolen = new AbortController();
    let again = true;
    const work = async (): Promise<void> => {
      again = await this.#follow(AbortSignal.any([off, stolen.signal]));
    };
    try {
      await navigator.locks.request(this.#deps.name, steal ? { steal } : { signal: off }, work);
    } catch {
      // Not wanted any more, or taken away by a tab that has come back.
      stolen.abort();
    }
    this.#role.value = 'listens to another tab';
    return again;
  }

  async #follow(signal: AbortSignal): Promise<boolean> {
    this.#role.value = 'holds the stream';
    const cursor = this.#cursor;
    const store = { load: async () => undefined, save: async (handled: string) => this.#handled(handled) };
    try {
      for await (const one of this.#deps.client.events({ ...(cursor && { cursor }), store, signal })) {
        if (one.type === 'event') this.#brought(one.event);
        else if (one.type === 'resync') this.#resync(one.reason);
        else this.#changeStatus(one);
      }
      return true;
    } catch (error) {
      return signal.aborted || (await this.#failed(error, signal));
    }
  }

  #brought(event: MessageEvent): void {
    this.#tell({ kind: 'event', bytes: toBinary(MessageEventSchema, event) });
    this.#take(event);
  }

  #resync(reason: string): void {
    this.#tell({ kind: 'resync', reason });
    this.#deps.listener.resync(reason);
  }

  #handled(cursor: string): void {
    this.#cursor = cursor;
    this.#tell({ kind: 'position', cursor });
    localStorage.setItem(this.#deps.name, cursor);
  }

  #changeStatus(now: ConnectionStatus): void {
    const { inspector } = this.#deps;
    if (now.status === 'offline') {
      const { error, reason, nextDelayMs } = now;
      const details = [
        ['reason', reason],
        ['retryInMs', String(Math.round(nextDelayMs))],
      ] as const;
      inspector.status('offline', details);
      this.#show({ state: 'offline', reason: inWords(error), retryAt: Date.now() + nextDelayMs });
      return;
    }
    inspector.status(now.status, this.#cursor === undefined ? [] : [['resumeAt', this.#cursor]]);
    this.#show({ ...CONNECTING, state: now.status });
    if (now.status === 'online' && this.#cursor === undefined) this.#resync('first connection');
  }

  async #failed(error: unknown, signal: AbortSignal): Promise<boolean> {
    this.#show({ state: 'offline', reason: inWords(error), retryAt: undefined });
    if (!(error instanceof StreamReplacedError) || this.#returns >= MAX_RETURNS) return false;
    this.#returns += 1;
    await pause(RETURN_MS * (1 + Math.random()), signal);
    return true;
  }

  #show(status: StreamStatus): void {
    this.#status.value = status;
    this.#tell({ kind: 'status', status });
  }

  #hear(note: TabNote | undefined): void {
    if (note === undefined || this.#off.signal.aborted) return;
    const isHolder = this.#role.peek() === 'holds the stream';
    if (note.kind === 'hello') {
      if (isHolder) this.#tell({ kind: 'status', status: this.#status.peek() });
    } else if (note.kind === 'changed') this.#deps.listener.changed(note.roomId);
    // Two can hold it for a moment, while one takes it from the other: each knows for itself.
    else if (!isHolder) this.#follows(note);
  }

  #follows(note: Exclude<TabNote, { readonly kind: 'hello' | 'changed' }>): void {
    switch (note.kind) {
      case 'event': {
        const event = fromBinary(MessageEventSchema, note.bytes);
        this.#deps.inspector.event(event, [['from', 'another tab']]);
        this.#take(event);
        if (event.cursor !== '') this.#cursor = event.cursor;
        break;
      }
      case 'position':
        this.#cursor = note.cursor;
        break;
      case 'resync':
        this.#deps.listener.resync(note.reason);
        break;
      case 'status':
        this.#status.value = note.status;
        // What waits for the service can try again.
        if (note.status.state === 'online') this.#deps.client.wake();
    }
  }

  #take(event: MessageEvent): void {
    if (this.#deps.known.add(event.eventId)) this.#deps.listener.event(event);
  }

  #tell(note: TabNote): void {
    if (!this.#off.signal.aborted) this.#channel.postMessage(note);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
