import type { MessageData } from '../../gen/services/chat/v1/types_pb.ts';
import { pageWindow, UNPAGED_MESSAGES } from '../paging.ts';
import type { HistoryQuery, Page } from '../rooms-repository.ts';
import { type ChangedBetween, changedDown } from './changed-sequences.ts';
import { isVisible, readDetails, readMember } from './members.ts';
import { readMessagesAt, sequenceIn } from './message-places.ts';
import { toMessages } from './message-rows.ts';
import type { ReadDeps } from './profiles.ts';
import { countDeleted, type Interval, readLastSequence, undeletedSequences } from './sequences.ts';
import type { ScyllaSession } from './session.ts';

/** See the port. Which messages there are is known from sequences before any is read. */
export async function getMessageHistory(
  deps: ReadDeps,
  userId: number,
  roomId: string,
  query: HistoryQuery,
): Promise<Page<MessageData>> {
  const { session } = deps;
  const reading = readDetails(session, roomId);
  const [me, details, last, before, after] = await Promise.all([
    readMember(session, roomId, userId),
    reading,
    readLastSequence(session, roomId, reading),
    boundAt(session, roomId, query.beforeMessageId),
    boundAt(session, roomId, query.afterMessageId),
  ]);
  if (me === undefined || details === undefined || !isVisible(me, details)) return { items: [], total: 0 };
  const interval = { lower: after ?? 0, upper: before ?? last + 1 };
  const { sequences, total } = await pickSequences(session, roomId, interval, query);
  const rows = await readMessagesAt(
    session,
    sequences.map((sequence) => ({ room_id: roomId, sequence })),
  );
  const items = await toMessages(
    deps,
    // One may have been deleted since.
    rows.filter((row) => row.deleted_at === null),
    { id: userId, members: new Map([[roomId, me]]), details: new Map([[roomId, details]]) },
  );
  return { items, total };
}

/** Ids that the room does not hold are no bound. */
async function boundAt(
  session: ScyllaSession,
  roomId: string,
  messageId: string | undefined,
): Promise<number | undefined> {
  return messageId === undefined ? undefined : await sequenceIn(session, roomId, messageId);
}

interface Picked {
  readonly sequences: readonly number[];
  readonly total: number;
}

async function pickSequences(
  session: ScyllaSession,
  roomId: string,
  interval: Interval,
  query: HistoryQuery,
): Promise<Picked> {
  const capped = query.messagesPerRoom > 0;
  const window = capped ? { limit: query.messagesPerRoom, offset: 0 } : pageWindow(query, UNPAGED_MESSAGES);
  const changed = { after: dateOf(query.afterDate), before: dateOf(query.beforeDate) };
  if (changed.after !== undefined || changed.before !== undefined) {
    return await pickChanged(session, roomId, interval, changed, { ...window, capped });
  }
  const [sequences, total] = await Promise.all([
    undeletedSequences(session, roomId, interval, window),
    capped ? 0 : countUndeleted(session, roomId, interval),
  ]);
  return { sequences, total };
}

async function countUndeleted(session: ScyllaSession, roomId: string, interval: Interval): Promise<number> {
  const width = Math.max(0, interval.upper - interval.lower - 1);
  return width === 0 ? 0 : width - (await countDeleted(session, roomId, interval));
}

/** The total takes a look at all that changed then, a bucket at a time; without it the search ends with the page. */
async function pickChanged(
  session: ScyllaSession,
  roomId: string,
  interval: Interval,
  changed: ChangedBetween,
  { limit, offset, capped }: { readonly limit: number; readonly offset: number; readonly capped: boolean },
): Promise<Picked> {
  const sequences: number[] = [];
  let total = 0;
  for await (const rows of changedDown(session, roomId, interval, changed)) {
    const shown = rows.filter(({ deleted }) => deleted !== true);
    const page = shown.slice(Math.max(0, offset - total), Math.max(0, offset + limit - total));
    sequences.push(...page.map(({ sequence }) => sequence));
    total += shown.length;
    if (capped && sequences.length === limit) break;
  }
  return { sequences, total: capped ? 0 : total };
}

function dateOf(iso: string | undefined): Date | undefined {
  return iso === undefined ? undefined : new Date(iso);
}
