import { randomUUID } from 'node:crypto';
import type { Broker } from '../events/broker.ts';
import type { Session } from './session.ts';
import type { StreamRegistry } from './stream-registry.ts';

/** A stream that is open for longer was opened before any news that arrives now, whatever the instances' clocks say. */
const SURELY_OLDER_MS = 2_000;

/**
 * Tells the other instances which client opened a stream here, so that its older stream there ends (behaviour 2.8).
 * Best effort: news that is lost leaves the older stream open until its connection ends.
 */
export class Openings {
  readonly #broker: Broker;
  readonly #registry: StreamRegistry;
  readonly #instance = randomUUID();
  #unsubscribe: (() => void) | undefined;

  constructor(broker: Broker, registry: StreamRegistry) {
    this.#broker = broker;
    this.#registry = registry;
  }

  start(): void {
    this.#unsubscribe ??= this.#broker.onBroadcast('CHAT_STREAM_OPENED', (data) => this.#heard(data));
  }

  stop(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }

  tell({ request: { userId, clientId }, openedAt }: Session): void {
    const opening: Opening = { instance: this.#instance, userId, clientId, openedAt };
    this.#broker.broadcast('CHAT_STREAM_OPENED', Buffer.from(JSON.stringify(opening)));
  }

  #heard(data: Uint8Array): void {
    const opening = readOpening(data);
    if (opening === undefined || opening.instance === this.#instance) return;
    const { userId, clientId } = opening;
    this.#registry.openedElsewhere(userId, clientId, ({ openedAt }) => {
      if (Date.now() - openedAt > SURELY_OLDER_MS) return true;
      // Both sides come to the same answer, so that exactly one of two streams stays.
      return opening.openedAt === openedAt ? opening.instance > this.#instance : opening.openedAt > openedAt;
    });
  }
}

interface Opening {
  readonly instance: string;
  readonly userId: number;
  readonly clientId: string;
  readonly openedAt: number;
}

function readOpening(data: Uint8Array): Opening | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(data).toString());
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  if (!('instance' in value && 'userId' in value && 'clientId' in value && 'openedAt' in value))
    return undefined;
  const { instance, userId, clientId, openedAt } = value;
  if (typeof instance !== 'string' || typeof userId !== 'number') return undefined;
  if (typeof clientId !== 'string' || typeof openedAt !== 'number') return undefined;
  return { instance, userId, clientId, openedAt };
}
