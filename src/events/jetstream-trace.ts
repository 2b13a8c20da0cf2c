import type { NatsOptions } from './jetstream-connection.ts';
import { toRoomEvent } from './jetstream-consumer.ts';
import { withSession } from './jetstream-inspection.ts';
import { findStream } from './jetstream-stream.ts';
import { MAX_EVENTS_PER_SUBJECT, roomSubject, STREAM_NAME } from './subjects.ts';

/** What the broker holds of a room. */
export interface RoomHistory {
  /** Name of this incarnation, see `BrokerState.epoch`: the time at which the stream was made. */
  readonly epoch: string;
  /** Of the whole stream. */
  readonly first: number;
  readonly last: number;
  /** Events of the room, oldest first: all that it holds, at most {@link MAX_EVENTS_READ}. */
  readonly events: readonly HeldEvent[];
}

/** One event as it is stored. */
export interface HeldEvent {
  readonly sequence: number;
  /** Undefined for a message of another producer. */
  readonly roomEvent: number | undefined;
  readonly eventId: string;
  readonly storedAt: Date;
  /** The wrapper, see `decodeWrapper`. */
  readonly data: Uint8Array;
}

/** More are only held by a stream that is not as wanted. */
const MAX_EVENTS_READ = 2 * MAX_EVENTS_PER_SUBJECT;
const MESSAGE_ID_HEADER = 'Nats-Msg-Id';

/**
 * Reads all events of a room that the broker holds, one by one and without a consumer: nothing is made on the server.
 * Undefined when there is no stream. Rejects with the reason when NATS does not answer.
 */
export async function readRoomHistory(
  options: Omit<NatsOptions, 'logger'>,
  roomId: string,
): Promise<RoomHistory | undefined> {
  return await withSession(options, async (session) => {
    const stream = await findStream(session);
    if (stream === undefined) return undefined;
    const events: HeldEvent[] = [];
    for (let seq = stream.state.first_seq; events.length < MAX_EVENTS_READ; ) {
      // The first message of the subject at or after that sequence.
      const query = { seq, next_by_subj: roomSubject(roomId) };
      const message = await session.jsm.streams.getMessage(STREAM_NAME, query);
      if (message === null) break;
      events.push({
        sequence: message.seq,
        roomEvent: toRoomEvent(message.header),
        eventId: message.header.get(MESSAGE_ID_HEADER),
        storedAt: message.time,
        data: message.data,
      });
      seq = message.seq + 1;
    }
    return { epoch: stream.created, first: stream.state.first_seq, last: stream.state.last_seq, events };
  });
}
