import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type MessageData,
  SendMessageRequestSchema,
  SendMessageResponseSchema,
} from '../../src/gen/services/chat/v1/types_pb.ts';
import { RefusedError } from '../clients.ts';
import { METHODS } from '../load-protocol.ts';
import type { CallPool } from './call-pool.ts';
import type { GeneratorJob } from './generator-protocol.ts';
import { randomOf } from './random.ts';
import type { Schedule } from './schedule.ts';

/** Hears what becomes of messages; times are milliseconds of `performance.now`. */
export interface SendObserver {
  /** The first try begins. */
  readonly begun: (message: number) => void;
  readonly stored: (message: number, room: number, stored: MessageData) => void;
  readonly refused: (message: number, reason: string) => void;
  /** A try has failed for now: it is made again. */
  readonly repeated: (message: number) => void;
}

/** Sends without an answer at most; more wait, and their time runs. */
const MAX_IN_FLIGHT = 2_000;
const CALL_TIMEOUT_MS = 10_000;
const BACKOFF = { firstMs: 50, maxMs: 1_000 };
/** With base64 as long as the ciphertext of a usual message. */
const CONTENT_BYTES = 225;

/** How a message says which one it is. */
export function messageIdOf(label: string, index: number): string {
  return `${label}-${index}`;
}

/** The message of that sender-side id; undefined when it is of another run. */
export function messageOf(label: string, id: string | undefined): number | undefined {
  if (id === undefined || !id.startsWith(`${label}-`)) return undefined;
  return Number(id.slice(label.length + 1));
}

/**
 * Sends each message when it is due, whether or not earlier ones were answered (an open loop): a service that falls behind does not get
 * fewer. A try whose outcome is unknown, or that failed for now, is repeated with the same id until the signal aborts.
 */
export class LoadSender {
  readonly #job: GeneratorJob;
  readonly #calls: CallPool;
  readonly #observer: SendObserver;
  readonly #signal: AbortSignal;
  readonly #content = randomBytes(CONTENT_BYTES).toString('base64');
  readonly #random: () => number;
  readonly #inFlight = new Set<Promise<void>>();

  constructor(job: GeneratorJob, calls: CallPool, observer: SendObserver, signal: AbortSignal) {
    this.#job = job;
    this.#calls = calls;
    this.#observer = observer;
    this.#signal = signal;
    this.#random = randomOf(job.seed);
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Starts every message of the schedule, which began at `startedAt`. */
  async sendAll(schedule: Schedule, startedAt: number): Promise<void> {
    let next = 0;
    while (next < schedule.total && !this.#signal.aborted) {
      const elapsed = performance.now() - startedAt;
      while (
        next < schedule.total &&
        schedule.dueAt(next) <= elapsed &&
        this.#inFlight.size < MAX_IN_FLIGHT
      ) {
        this.#start(next);
        next += 1;
      }
      await sleep(1);
    }
  }

  /** Resolves when the fate of every message is known, or nobody waits for it any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#inFlight);
  }

  #start(message: number): void {
    const { rooms } = this.#job.population;
    const room = Math.floor(this.#random() * rooms.length);
    const members = rooms[room]?.members ?? [];
    const user = members[Math.floor(this.#random() * members.length)] ?? 0;
    this.#observer.begun(message);
    const sending = this.#send(message, room, user).finally(() => this.#inFlight.delete(sending));
    this.#inFlight.add(sending);
  }

  async #send(message: number, room: number, user: number): Promise<void> {
    const { population, label } = this.#job;
    const identity = population.users[user];
    if (identity === undefined) throw new Error('a room has a member who does not exist');
    const roomId = population.rooms[room]?.id ?? '';
    const body = toBinary(
      SendMessageRequestSchema,
      create(SendMessageRequestSchema, {
        ...{ roomId, content: this.#content, senderMessageId: messageIdOf(label, message) },
      }),
    );
    for (let attempt = 0; !this.#signal.aborted; attempt += 1) {
      const giveUp = AbortSignal.any([this.#signal, AbortSignal.timeout(CALL_TIMEOUT_MS)]);
      try {
        const answer = fromBinary(
          SendMessageResponseSchema,
          await this.#calls.call(METHODS.send, identity, body, giveUp),
        );
        if (answer.message === undefined) return this.#observer.refused(message, 'no message');
        return this.#observer.stored(message, room, answer.message);
      } catch (error) {
        if (isFinal(error)) return this.#observer.refused(message, error.message);
        if (attempt === 0) this.#observer.repeated(message);
        await sleep(Math.min(BACKOFF.maxMs, BACKOFF.firstMs * 2 ** attempt) * (0.5 + this.#random() / 2));
      }
    }
  }
}

/** The same would be refused again. */
function isFinal(error: unknown): error is RefusedError {
  return error instanceof RefusedError && error.status < 500 && ![408, 409].includes(error.status);
}
