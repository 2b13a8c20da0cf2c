import { JetStreamApiCodes, PubHeaders } from '@nats-io/jetstream';
import { createInbox, headers, type Msg, type NatsConnection } from '@nats-io/transport-node';
import type { BrokerMessage } from './broker.ts';
import type { NatsSession } from './jetstream-connection.ts';
import { COMMITTED_AT_HEADER, directSubject, ROOM_EVENT_HEADER, TRACE_HEADER } from './subjects.ts';

const WRONG_LAST_MESSAGE_ID = 10070;

/** What became of one message. `unknown`: no answer came, it may have been stored. */
type Outcome = 'stored' | 'refused' | 'chain broken' | 'no stream' | 'unknown';

/**
 * Publishes bursts to the stream.
 *
 * All messages of a burst are written in one tick on one connection, so what arrives is a prefix; and each but the first names
 * the one before it in `Nats-Expected-Last-Msg-Id`, so that the server refuses all that follow a message it did not store.
 * As measured on nats-server 2.15:
 * - the header is compared with the id of the newest message of the whole stream, whatever its subject; empty after a message without id;
 * - a message whose own id is in the duplicate window is answered with `duplicate` *before* that comparison, and does not become
 *   the newest one. So a repeated burst is acknowledged over its stored prefix and goes on behind it, as long as nothing else came in between;
 * - when something did (a foreign producer, or another dispatcher's last burst at a take-over) the burst is refused from there on,
 *   with error 10070, and nothing behind that point is stored: the rest is then published one by one, each acknowledged before the next;
 * - a missing stream is answered at once (no responders); a stream that is created in the middle of a burst refuses the rest of it;
 * - ids survive a restart of the server.
 */
export class JetStreamPublisher {
  readonly #inbox = createInbox();
  readonly #waiting = new Map<string, (outcome: Outcome) => void>();
  #count = 0;

  /** Subscribes to answers; for each new connection. */
  attach(nc: NatsConnection): void {
    nc.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error === null) this.#waiting.get(message.subject)?.(outcomeOf(message));
      },
    });
  }

  /** How many messages, from the first, are known to be stored. `missing` tells that there is no stream to publish to. */
  async publish(
    session: NatsSession,
    messages: readonly BrokerMessage[],
    timeoutMs: number,
  ): Promise<{ readonly stored: number; readonly missing: boolean }> {
    const deadline = AbortSignal.any([session.ended, AbortSignal.timeout(timeoutMs)]);
    const outcomes = await this.#burst(session.nc, messages, deadline);
    const failed = outcomes.findIndex((outcome) => outcome !== 'stored');
    if (failed === -1) return { stored: messages.length, missing: false };
    // Only behind a broken chain it is certain that none of the rest will be stored later, out of order.
    if (outcomes[failed] === 'chain broken')
      return await this.#oneByOne(session.nc, messages, failed, deadline);
    return { stored: failed, missing: outcomes[failed] === 'no stream' };
  }

  /**
   * Whether publishing is answered in time. What is published names another stream as the expected one,
   * so that the stream's leader refuses it: it is never stored.
   */
  async isAnswered(session: NatsSession, timeoutMs: number): Promise<boolean> {
    const head = headers();
    head.set(PubHeaders.ExpectedStreamHdr, 'none');
    try {
      const answer = await session.nc.request(directSubject(0), new Uint8Array(), {
        timeout: timeoutMs,
        headers: head,
      });
      return outcomeOf(answer) === 'refused';
    } catch {
      return false;
    }
  }

  async #oneByOne(
    nc: NatsConnection,
    messages: readonly BrokerMessage[],
    from: number,
    deadline: AbortSignal,
  ): Promise<{ readonly stored: number; readonly missing: boolean }> {
    for (let stored = from; stored < messages.length; stored += 1) {
      const [outcome] = await this.#burst(nc, messages.slice(stored, stored + 1), deadline);
      if (outcome !== 'stored') return { stored, missing: outcome === 'no stream' };
    }
    return { stored: messages.length, missing: false };
  }

  /** Writes all messages, chained, in this tick; resolves when each was answered or the deadline passed. */
  async #burst(
    nc: NatsConnection,
    messages: readonly BrokerMessage[],
    deadline: AbortSignal,
  ): Promise<Outcome[]> {
    const outcomes = messages.map((): Outcome => 'unknown');
    if (messages.length === 0 || deadline.aborted) return outcomes;
    const { promise, resolve } = Promise.withResolvers<void>();
    const finish = (): void => resolve();
    const replies: string[] = [];
    let open = messages.length;
    deadline.addEventListener('abort', finish);
    for (const [index, message] of messages.entries()) {
      this.#count += 1;
      const reply = `${this.#inbox}.${this.#count.toString(36)}`;
      replies.push(reply);
      this.#waiting.set(reply, (outcome) => {
        this.#waiting.delete(reply);
        outcomes[index] = outcome;
        open -= 1;
        if (open === 0) finish();
      });
      if (!write(nc, message, messages[index - 1]?.id, reply)) {
        open -= messages.length - index;
        if (open === 0) finish();
        break;
      }
    }
    await promise;
    deadline.removeEventListener('abort', finish);
    for (const reply of replies) this.#waiting.delete(reply);
    return outcomes;
  }
}

/** False when the connection can't take it: closed, or larger than the server allows. */
function write(
  nc: NatsConnection,
  message: BrokerMessage,
  previousId: string | undefined,
  reply: string,
): boolean {
  const head = headers();
  head.set(PubHeaders.MsgIdHdr, message.id);
  head.set(ROOM_EVENT_HEADER, String(message.roomEvent));
  if (message.committedAt !== undefined) head.set(COMMITTED_AT_HEADER, String(message.committedAt));
  if (message.traceContext !== undefined) head.set(TRACE_HEADER, message.traceContext);
  if (previousId !== undefined) head.set(PubHeaders.ExpectedLastMsgIdHdr, previousId);
  try {
    nc.publish(message.subject, message.data, { reply, headers: head });
    return true;
  } catch {
    return false;
  }
}

function outcomeOf(message: Msg): Outcome {
  if (message.data.length === 0) return message.headers?.code === 503 ? 'no stream' : 'unknown';
  const answer: unknown = parse(message);
  if (typeof answer !== 'object' || answer === null) return 'unknown';
  if (!('error' in answer)) return 'seq' in answer ? 'stored' : 'unknown';
  const { error } = answer;
  if (typeof error !== 'object' || error === null || !('err_code' in error)) return 'refused';
  if (error.err_code === WRONG_LAST_MESSAGE_ID) return 'chain broken';
  return error.err_code === JetStreamApiCodes.StreamNotFound ? 'no stream' : 'refused';
}

function parse(message: Msg): unknown {
  try {
    return JSON.parse(message.string());
  } catch {
    return undefined;
  }
}
