import { type Broker, HistoryLostError } from '../events/broker.ts';
import { followAsMember } from './feed.ts';
import { pause } from './gate.ts';
import { isHeld, LOOK_BACK, subjectsOf } from './history.ts';
import type { StreamPosition } from './ports.ts';
import { RoomOrder } from './room-order.ts';
import type { Session } from './session.ts';
import { readStored } from './stream-event.ts';

/** How long to wait before the broker is asked again for a history that it took for lost. */
const RETRY_MS = 100;

/**
 * Live delivery by a reader of the stream's own (`consumers: 'per-client'`), from after `start` until `signal` aborts.
 * The reader is opened again, from where it was, whenever the stream's rooms change.
 * Resolves when the signal aborted or the stream has to begin anew; rejects when the broker can't be read.
 */
export async function readOn(
  session: Session,
  broker: Broker,
  start: StreamPosition,
  signal: AbortSignal,
): Promise<void> {
  const order = new RoomOrder();
  let after = Math.max(0, start.sequence - LOOK_BACK);
  while (!signal.aborted) {
    try {
      const reached = await readUntilChange(session, broker, { order, start, after }, signal);
      if (reached === undefined) return;
      after = reached;
    } catch (error) {
      const isLost = error instanceof HistoryLostError;
      if (!isLost || !(await isHeld(broker, { epoch: start.epoch, sequence: session.done }))) throw error;
      after = session.done;
      await pause(RETRY_MS, signal);
    }
  }
}

interface Reading {
  readonly order: RoomOrder;
  readonly start: StreamPosition;
  readonly after: number;
}

/** Reads with one set of subjects; where to read on with another one, or undefined when there is no going on. */
async function readUntilChange(
  session: Session,
  broker: Broker,
  { order, start, after }: Reading,
  signal: AbortSignal,
): Promise<number | undefined> {
  const reading = new AbortController();
  const options = { after, subjects: subjectsOf(session.userId, session.rooms) };
  try {
    for await (const batch of broker.read(options, AbortSignal.any([signal, reading.signal]))) {
      for (const message of batch) {
        if (signal.aborted) return undefined;
        const event = readStored(start.epoch, message);
        const succession = followAsMember(order, message, event);
        const { sequence } = message;
        if (sequence <= start.sequence) continue;
        if (succession === 'gap') {
          session.restart('cursor_expired');
          return undefined;
        }
        const isNew = event !== undefined && succession === 'next';
        const change = isNew ? session.replayed(event, true) : undefined;
        session.replayedUpTo(sequence);
        if (change !== undefined) return sequence;
      }
      session.flush();
    }
  } finally {
    session.flush();
    reading.abort();
  }
  if (signal.aborted) return undefined;
  throw new Error('the broker ended the reader of a stream');
}
