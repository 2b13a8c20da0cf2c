import { ChatError } from '../chat/errors.ts';
import type { Session } from './session.ts';
import type { StreamsSettings } from './streams.ts';

/**
 * The open streams of this instance by user and client id.
 *
 * Invariants:
 * - At most one stream per (user, client id): the newest wins, the older one ends with `stream_replaced`.
 * - At most `maxStreamsPerUser` client ids of a user at once (0: any number); a replacement does not count twice.
 * - A stream takes out only itself, never its successor.
 */
export class StreamRegistry {
  readonly #settings: Pick<StreamsSettings, 'maxStreamsPerUser'>;
  readonly #users = new Map<number, Map<string, Session>>();

  constructor(settings: Pick<StreamsSettings, 'maxStreamsPerUser'>) {
    this.#settings = settings;
  }

  /** Takes the stream in and ends the one it replaces. Throws `too many connections`, and then changes nothing. */
  add(session: Session): void {
    const { userId, clientId } = session.request;
    const clients = this.#users.get(userId) ?? new Map<string, Session>();
    const older = clients.get(clientId);
    const { maxStreamsPerUser } = this.#settings;
    if (older === undefined && maxStreamsPerUser > 0 && clients.size >= maxStreamsPerUser) {
      throw new ChatError('too many connections');
    }
    this.#users.set(userId, clients);
    clients.set(clientId, session);
    if (older !== undefined) older.replace();
  }

  remove(session: Session): void {
    const { userId, clientId } = session.request;
    const clients = this.#users.get(userId);
    if (clients?.get(clientId) !== session) return;
    clients.delete(clientId);
    if (clients.size === 0) this.#users.delete(userId);
  }

  /** The client opened a stream on another instance: ends the one here when it is the older one. */
  openedElsewhere(userId: number, clientId: string, isOlder: (session: Session) => boolean): void {
    const session = this.#users.get(userId)?.get(clientId);
    if (session !== undefined && isOlder(session)) session.replace();
  }

  /** Ends the streams of users that are not among these. */
  keepOnly(active: ReadonlySet<number>, asked: readonly number[]): void {
    for (const userId of asked) {
      if (active.has(userId)) continue;
      for (const session of this.#users.get(userId)?.values() ?? [])
        session.end(new ChatError('invalid_token'));
    }
  }

  userIds(): number[] {
    return [...this.#users.keys()];
  }

  /** All streams, as they are now. */
  sessions(): Session[] {
    return [...this.#users.values()].flatMap((clients) => [...clients.values()]);
  }
}
