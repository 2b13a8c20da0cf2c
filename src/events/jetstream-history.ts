import type { Logger } from '../logger.ts';
import { type NatsSession, within } from './jetstream-connection.ts';
import { addConsumer, dropConsumer, toRoomEvent } from './jetstream-consumer.ts';
import { streamState } from './jetstream-stream.ts';
import { MAX_EVENTS_PER_SUBJECT, STREAM_NAME } from './subjects.ts';

/** Questions asked at most beyond one for each group of subjects. */
const MAX_QUESTIONS = 64;
const SUBJECTS_PER_QUESTION = 64;

/**
 * True when every message of `subjects` above `after` is still held.
 *
 * Messages go for two reasons: age, which takes the oldest of the stream, so that nothing above `after` is gone while the stream's first
 * sequence is not above `after + 1`; and the limit of a subject, which takes its oldest only while it holds the full number. A subject with fewer than
 * that number above `after` still holds its newest one at or below `after`, or never had that many: it lost nothing.
 * So it is enough to count. Subjects are counted in groups; a group with too many is halved until the one subject is found or all are cleared.
 * With too many questions the answer is false: the client is told to fetch what it missed from the record, which is then cheaper.
 */
export async function holdsAllAfter(
  session: NatsSession,
  logger: Logger,
  after: number,
  subjects: readonly string[],
): Promise<boolean> {
  const { first, last } = await streamState(session, logger);
  if (after + 1 < first) return false;
  if (last - after < MAX_EVENTS_PER_SUBJECT) return true;
  const distinct = [...new Set(subjects)];
  const groups: string[][] = [];
  for (let start = 0; start < distinct.length; start += SUBJECTS_PER_QUESTION) {
    groups.push(distinct.slice(start, start + SUBJECTS_PER_QUESTION));
  }
  let questions = groups.length + MAX_QUESTIONS;
  for (let group = groups.pop(); group !== undefined; group = groups.pop()) {
    questions -= 1;
    if (questions < 0) return false;
    if ((await countAfter(session, after, group)) < MAX_EVENTS_PER_SUBJECT) continue;
    if (group.length === 1) return false;
    const middle = Math.ceil(group.length / 2);
    groups.push(group.slice(0, middle), group.slice(middle));
  }
  return true;
}

async function countAfter(session: NatsSession, after: number, subjects: readonly string[]): Promise<number> {
  const consumer = await addConsumer(session, after + 1, subjects);
  await dropConsumer(session, consumer.name);
  return consumer.num_pending;
}

/** Number of the newest room event of a subject; undefined when there is none. */
export async function newestRoomEvent(session: NatsSession, subject: string): Promise<number | undefined> {
  const newest = await within(
    session,
    session.jsm.streams.getMessage(STREAM_NAME, { last_by_subj: subject }),
  );
  return newest === null ? undefined : toRoomEvent(newest.header);
}
