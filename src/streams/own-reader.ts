import type { Broker } from '../events/broker.ts';
import { followAsMember } from './feed.ts';
import { LOOK_BACK, subjectsOf } from './history.ts';
import { RoomOrder } from './room-order.ts';
import type { Session } from './session.ts';
import { readStored } from './stream-event.ts';

/**
 * Live delivery by a reader of the stream's own (`consumers: 'per-client'`), from after `position` until `signal` aborts.
 * The reader is opened again, from where it was, whenever the stream's rooms change.
 * Resolves when the signal aborted or the stream has to begin anew; rejects when the broker can't be read.
 */
export async function readOn(
  session: Session,
  broker: Broker,
  position: { readonly epoch: string; readonly sequence: number },
  signal: AbortSignal,
): Promise<void> {
  const order = new RoomOrder();
  let after = Math.max(0, position.sequence - LOOK_BACK);
  while (!signal.aborted) {
    const reading = new AbortController();
    const options = { after, subjects: subjectsOf(session.userId, session.rooms) };
    let isSame = true;
    for await (const batch of broker.read(options, AbortSignal.any([signal, reading.signal]))) {
      for (const message of batch) {
        if (signal.aborted) return;
        const event = readStored(position.epoch, message);
        const succession = followAsMember(order, message, event);
        after = message.sequence;
        if (after <= position.sequence) continue;
        if (succession === 'gap') return session.restart('cursor_expired');
        if (event === undefined || succession === 'repeat') continue;
        isSame = session.replayed(event, true) === undefined;
        if (!isSame) break;
      }
      session.replayedUpTo(Math.max(after, position.sequence));
      if (!isSame) break;
    }
    reading.abort();
    if (isSame && !signal.aborted) throw new Error('the broker ended a stream’s reader');
  }
}
