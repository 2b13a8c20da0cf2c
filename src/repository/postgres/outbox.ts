import { create, fromBinary } from '@bufbuild/protobuf';
import type { Outbox, OutboxEntry, OutboxEvent } from '../../events/outbox.ts';
import {
  type MessageData,
  type MessageEvent,
  MessageEventSchema,
  MessageStatus,
} from '../../gen/services/chat/v1/types_pb.ts';
import type { CommitSignal } from './commit-signal.ts';
import type { Db } from './db.ts';
import { loadMessages } from './message-rows.ts';
import { guarded } from './store-errors.ts';

/** The advisory lock of the one active dispatcher; no other lock of the service has this key. */
export const DISPATCH_LOCK = 1_667_854_708;

/** Messages by id in the neutral view, wherever they are stored; unknown ids are left out. */
export type LoadMessages = (ids: readonly string[]) => Promise<ReadonlyMap<string, MessageData>>;

/**
 * The outbox table. Always read from its oldest row: ids are given before the commit, so a row may appear below ones that
 * were read already, and a position over them would skip it. A row whose event can't be read any more is an entry without events.
 * A failure of the store is `internal_server_error`.
 *
 * With `elsewhere`, rooms and messages are in another store, and an entry is not read before that store has what it tells of.
 */
export function createPostgresOutbox(deps: {
  readonly db: Db;
  readonly signal: CommitSignal;
  readonly elsewhere?: LoadMessages;
}): Outbox {
  const { db, signal, elsewhere } = deps;
  const load: LoadMessages = elsewhere ?? (async (ids) => await loadMessages(db, ids, undefined));
  const read = elsewhere === undefined ? READ : READ_SETTLED;
  return {
    acquire: () => guarded(() => db.tryLock(DISPATCH_LOCK)),
    async read(limit) {
      const { rows } = await guarded(() => db.query<OutboxRow>(read, [limit]));
      const ids = rows.flatMap(({ message_id }) => (message_id === null ? [] : [message_id]));
      const messages = await guarded(() => load(ids));
      return rows.map((row) => toEntry(row, messages));
    },
    async remove(ids) {
      await guarded(() => db.query(REMOVE, [ids]));
    },
    onCommit: (wake) => signal.subscribe(wake),
    async depth() {
      const { rows } = await guarded(() => db.query<{ count: number; oldest_age_ms: number }>(DEPTH, []));
      return { count: rows[0]?.count ?? 0, oldestAgeMs: rows[0]?.oldest_age_ms ?? 0 };
    },
  };
}

const READ = `/* read_outbox */
SELECT id, event_id, subject, room_id, room_event, user_id, payload, message_id, created_at, trace_context
FROM outbox ORDER BY id LIMIT $1`;

/** Entries of a room keep their order: one that waits for a change has the same, or an older, one behind it. */
const READ_SETTLED = `/* read_settled_outbox */
SELECT id, event_id, subject, room_id, room_event, user_id, payload, message_id, created_at, trace_context
FROM outbox o
WHERE NOT EXISTS (
  SELECT FROM scylla_change c WHERE c.room_id = o.room_id AND c.id <= coalesce(o.change_id, 9223372036854775807)
) ORDER BY id LIMIT $1`;

/**
 * Does not wait for the disk, which would make the next sends wait for it too: an entry that comes back after a crash of the database
 * is published again, and that is recognised like every repeat.
 */
const REMOVE = `/* remove_from_outbox */
WITH commit AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
DELETE FROM outbox USING commit WHERE id = ANY($1::bigint[])`;

const DEPTH = `
SELECT count(*)::int AS count,
  COALESCE(GREATEST(0, EXTRACT(EPOCH FROM now() - min(created_at)) * 1000), 0)::float8 AS oldest_age_ms
FROM outbox`;

interface OutboxRow {
  readonly id: number;
  readonly event_id: string;
  readonly subject: string;
  readonly room_id: string;
  readonly room_event: number;
  readonly user_id: number;
  readonly payload: Uint8Array | null;
  readonly message_id: string | null;
  readonly created_at: Date;
  readonly trace_context: string | null;
}

function toEntry(row: OutboxRow, messages: ReadonlyMap<string, MessageData>): OutboxEntry {
  const message = row.message_id === null ? undefined : messages.get(row.message_id);
  const events = message === undefined ? storedEvents(row) : sentEvents(row, message);
  return { id: row.id, createdAt: row.created_at.getTime(), events };
}

function storedEvents(row: OutboxRow): OutboxEvent[] {
  if (row.payload === null) return [];
  try {
    return [toEvent(row, row.room_event, row.event_id, fromBinary(MessageEventSchema, row.payload))];
  } catch {
    return [];
  }
}

/** The two events of a sent message (behaviour 2.3.1): that it was accepted, then the message itself. */
function sentEvents(row: OutboxRow, message: MessageData): OutboxEvent[] {
  const roomId = row.room_id;
  const accepted = create(MessageEventSchema, {
    eventId: siblingId(row.event_id),
    roomId,
    event: {
      case: 'statusUpdate',
      value: {
        messageId: message.id,
        status: MessageStatus.SENT,
        updatedAt: message.createdAt,
        userId: message.senderId,
        senderId: message.senderId,
      },
    },
  });
  const said = create(MessageEventSchema, {
    eventId: row.event_id,
    roomId,
    event: { case: 'message', value: message },
  });
  return [
    toEvent(row, row.room_event, accepted.eventId, accepted),
    toEvent(row, row.room_event + 1, said.eventId, said),
  ];
}

function toEvent(row: OutboxRow, roomEvent: number, eventId: string, event: MessageEvent): OutboxEvent {
  const traceContext = row.trace_context ?? undefined;
  return { eventId, subject: row.subject, roomEvent, userId: row.user_id, event, traceContext };
}

/** A second id that is always the same for the first one: its lowest bit is the other one. */
function siblingId(id: string): string {
  return id.slice(0, -1) + (Number.parseInt(id.slice(-1), 16) ^ 1).toString(16);
}
