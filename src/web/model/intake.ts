import { signal } from '@preact/signals';
import type { MessageEvent } from '../../gen/services/chat/v1/types_pb.ts';
import { inWords } from './action-error.ts';
import type { Conversation } from './conversation.ts';
import { Loader } from './loader.ts';
import type { RoomList } from './room-list.ts';
import { Serial } from './serial.ts';
import type { StreamListener } from './shared-stream.ts';

/** Events that wait for being shown; with one more the record is read instead. */
const MAX_WAITING = 1_000;

/** What the intake needs. */
export interface IntakeDeps {
  readonly rooms: RoomList;
  readonly conversation: () => Conversation | undefined;
  /** Messages were shown in the open room. */
  readonly shown: () => void;
  /** The open room is none of the user's any more. */
  readonly gone: () => void;
}

/** Shows what happens, one after the other and after what was read from the record before. */
export class Intake implements StreamListener {
  readonly #deps: IntakeDeps;
  readonly #turns = new Serial();
  readonly #loader = new Loader();
  /** Why the rooms can't be read, in words. */
  readonly problem = signal<string | undefined>(undefined);
  readonly #loaded = Promise.withResolvers<void>();
  #reloads = 0;

  constructor(deps: IntakeDeps) {
    this.#deps = deps;
  }

  /** Resolves when the rooms were read for the first time. */
  get loaded(): Promise<void> {
    return this.#loaded.promise;
  }

  event(event: MessageEvent): void {
    if (this.#turns.size >= MAX_WAITING) this.resync();
    else void this.#turns.run(() => this.#take(event)).catch(() => this.resync());
  }

  /** Reads the record, after what waits: once, however often it is asked for meanwhile. */
  resync(): void {
    if (this.#reloads > 0) return;
    this.#reloads += 1;
    const load = async (): Promise<void> => {
      this.#reloads -= 1;
      await this.#loader.untilDone(async () => {
        await this.#deps.rooms.load();
        this.#loaded.resolve();
        if (!this.#isGone()) await this.#deps.conversation()?.load();
      });
      this.problem.value = undefined;
      this.#deps.shown();
    };
    void this.#turns.run(load).catch((error: unknown) => {
      this.problem.value = inWords(error);
    });
  }

  changed(roomId: string): void {
    void this.#turns.run(() => this.#deps.rooms.refresh(roomId)).catch(() => this.resync());
  }

  /** Tries at once what waits for its next try. */
  wake(): void {
    this.#loader.wake();
  }

  close(): void {
    this.#loader.close();
  }

  async #take(event: MessageEvent): Promise<void> {
    await this.#deps.rooms.apply(event);
    const conversation = this.#deps.conversation();
    if (this.#isGone() || conversation?.roomId !== event.roomId) return;
    await conversation.apply(event);
    if (event.event.case === 'message') this.#deps.shown();
  }

  #isGone(): boolean {
    const conversation = this.#deps.conversation();
    const isGone = conversation !== undefined && this.#deps.rooms.room(conversation.roomId) === undefined;
    if (isGone) this.#deps.gone();
    return isGone;
  }
}
