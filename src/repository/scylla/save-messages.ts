import { randomUUID } from 'node:crypto';
import { ChatError, notFound } from '../../chat/errors.ts';
import { roomSubject } from '../../events/subjects.ts';
import type { MessageData } from '../../gen/services/chat/v1/types_pb.ts';
import type { Sql } from '../postgres/db.ts';
import { GroupCommit } from '../postgres/group-commit.ts';
import { type SavedMessage, type TracedMessage, toStored, withTrace } from '../postgres/save-messages.ts';
import { createReadBatch } from '../read-batch.ts';
import type { NewMessage } from '../rooms-repository.ts';
import {
  type Locked,
  type LoggedChange,
  lockRooms,
  logChanges,
  type Pending,
  sentKey,
} from './change-log.ts';
import type { ChangeRow, MessageImage } from './changes.ts';
import { readMembers } from './members.ts';
import { keyPlace } from './message-places.ts';
import { loadMessages } from './message-rows.ts';
import type { ScyllaWriteDeps } from './room-change.ts';
import { isActive } from './tables.ts';

/**
 * The write of sent messages: concurrent calls of the process share a PostgreSQL transaction that holds their rooms' locks.
 * Under them it is asked in Scylla who is a member and what was sent before, so everything that decides is of one moment. The messages
 * reach Scylla after the commit, room by room, and only then are they answered.
 */
export function createScyllaSaveMessage(
  deps: ScyllaWriteDeps,
): (message: NewMessage) => Promise<SavedMessage> {
  const { db, session, applier, notifications, traceContext } = deps;
  const group = new GroupCommit<TracedMessage, Saved>({
    key: ({ sender, senderMessageId }) =>
      senderMessageId === undefined ? undefined : sentKey(sender.userId, senderMessageId),
    async write(messages) {
      const { saved, changes } = await db.transaction(async (tx) => await saveGroup(deps, tx, messages));
      const hasPush = messages.some(({ push }, index) => push && saved[index]?.outcome === 'stored');
      const written = new Map(
        [...Map.groupBy(changes, ({ roomId }) => roomId)].map(([roomId, ofRoom]) => {
          const applied = applier.apply(ofRoom);
          // Each sender waits for his own room.
          applied.then(
            () => {
              if (hasPush) notifications?.notify();
            },
            () => undefined,
          );
          return [roomId, applied];
        }),
      );
      return saved.map((one, index) => ({ ...one, written: written.get(messages[index]?.roomId ?? '') }));
    },
  });
  const loadFresh = createReadBatch(async (ids: readonly string[]) => {
    const messages = await loadMessages({ session, sql: db }, ids, undefined);
    return ids.map((id) => messages.get(id));
  });

  return async (message) => {
    const saved = await group.add(withTrace(message, traceContext?.()));
    if (saved.outcome === 'refused') throw notFound();
    if (saved.outcome === 'repeated') {
      if (saved.pendingRoom !== undefined) await applier.catchUpRoom(db, saved.pendingRoom);
      const viewer = message.sender.userId;
      const first = await loadMessages({ session, sql: db }, [saved.messageId], viewer);
      return { message: known(first.get(saved.messageId)), stored: false };
    }
    await saved.written;
    const isPlain =
      message.replyId === undefined && message.forward === undefined && message.mentions.length === 0;
    return { message: isPlain ? saved.message : known(await loadFresh(message.id)), stored: true };
  };
}

async function saveGroup(
  deps: ScyllaWriteDeps,
  tx: Sql,
  messages: readonly TracedMessage[],
): Promise<{ readonly saved: Outcome[]; readonly changes: readonly LoggedChange[] }> {
  const keys = messages.flatMap(({ sender, senderMessageId }) =>
    senderMessageId === undefined ? [] : [{ sender: sender.userId, key: senderMessageId }],
  );
  const locked = await lockRooms(tx, {
    rooms: [...new Set(messages.map(({ roomId }) => roomId))],
    keys,
    users: [...new Set(messages.map(({ sender }) => sender.userId))],
    phones: messages.flatMap(({ contactPhone }) => contactPhone ?? []),
  });
  // Who is a member must be known as it was committed; messages before these need only be written before them.
  await deps.applier.catchUp(tx, onlyWith(locked.pending, 'room_member'));
  const [isMember, sent, left] = await Promise.all([
    findMembers(deps, messages),
    findSent(deps, locked, keys),
    deps.applier.leftBehind(tx, locked.pending),
  ]);
  const numbering = new Numbering(locked, deps.notifications !== undefined);
  const saved = messages.map((message): Outcome => {
    const before = sent.get(sentKey(message.sender.userId, message.senderMessageId ?? ''));
    if (message.senderMessageId !== undefined && before !== undefined)
      return { outcome: 'repeated', ...before };
    if (!isMember(message)) return { outcome: 'refused' };
    return numbering.add(message);
  });
  const own = await numbering.write(tx);
  return { saved, changes: own.length === 0 ? [] : [...left, ...own] };
}

/** The rooms that have a pending change of such a row, with all of their changes. */
function onlyWith(pending: Pending, table: ChangeRow['table']): Pending {
  return new Map([...pending].filter(([, changes]) => changes.some((change) => change.table === table)));
}

async function findMembers(
  { session }: ScyllaWriteDeps,
  messages: readonly NewMessage[],
): Promise<(message: NewMessage) => boolean> {
  const byRoom = Map.groupBy(messages, ({ roomId }) => roomId);
  const members = new Set<string>();
  await Promise.all(
    [...byRoom].map(async ([roomId, ofRoom]) => {
      const senders = [...new Set(ofRoom.map(({ sender }) => sender.userId))];
      for (const row of (await readMembers(session, roomId, senders)).values()) {
        if (isActive(row)) members.add(`${roomId} ${row.user_id}`);
      }
    }),
  );
  return ({ roomId, sender }) => members.has(`${roomId} ${sender.userId}`);
}

/** The first messages with those ids: what Scylla may lack is noted here, and was read before Scylla is asked. */
async function findSent(
  { session }: ScyllaWriteDeps,
  locked: Locked,
  keys: readonly { readonly sender: number; readonly key: string }[],
): Promise<ReadonlyMap<string, { readonly messageId: string; readonly pendingRoom?: string }>> {
  const sent = new Map<string, { messageId: string; pendingRoom?: string }>();
  await Promise.all(
    keys.map(async ({ sender, key }) => {
      const name = sentKey(sender, key);
      const pending = locked.sent.get(name);
      if (pending !== undefined) {
        sent.set(name, { messageId: pending.messageId, pendingRoom: pending.roomId });
        return;
      }
      const place = await keyPlace(session, sender, key);
      if (place !== undefined) sent.set(name, { messageId: place.message_id });
    }),
  );
  return sent;
}

/** Gives the messages of a group their numbers, in order, and writes what the transaction holds of them. */
class Numbering {
  readonly #locked: Locked;
  readonly #notifies: boolean;
  readonly #heads = new Map<string, { sequence: number; event: number }>();
  readonly #rows: { readonly roomId: string; readonly row: ChangeRow }[] = [];
  readonly #sent: { readonly message: TracedMessage; readonly firstEvent: number }[] = [];

  constructor(locked: Locked, notifies: boolean) {
    this.#locked = locked;
    this.#notifies = notifies;
  }

  add(message: TracedMessage): Outcome {
    const locked = this.#locked.rooms.get(message.roomId);
    const sender = this.#locked.profiles.get(message.sender.userId);
    if (locked === undefined || sender === undefined) return { outcome: 'refused' };
    const head = this.#heads.get(locked.id) ?? { sequence: locked.last_sequence, event: locked.last_event };
    this.#heads.set(locked.id, { sequence: head.sequence + 1, event: head.event + 2 });
    const contact =
      message.contactPhone === undefined ? undefined : this.#locked.contacts.get(message.contactPhone);
    const sequence = head.sequence + 1;
    const at = this.#locked.at;
    const row = imageOf(message, sequence, at.toISOString(), contact ?? null);
    this.#rows.push({ roomId: locked.id, row: { table: 'room_message', row } });
    for (const { userId, tag } of message.mentions) {
      const place = { message_id: message.id, room_id: locked.id, sequence };
      this.#rows.push({
        roomId: locked.id,
        row: { table: 'room_message_tag', row: { ...place, user_id: userId, tag } },
      });
    }
    this.#sent.push({ message, firstEvent: head.event + 1 });
    const stored = toStored(message, {
      message_id: message.id,
      sequence,
      created_at: at,
      sender_name: sender.name,
      sender_phone: sender.phone,
      sender_avatar: sender.avatar,
      contact_id: contact ?? null,
    });
    return { outcome: 'stored', message: stored };
  }

  async write(tx: Sql): Promise<LoggedChange[]> {
    if (this.#sent.length === 0) return [];
    const changes = await logChanges(tx, this.#locked.clock, this.#rows);
    await tx.query(WRITE_SENT, [
      this.#locked.at,
      [...this.#heads.keys()],
      [...this.#heads.values()].map(({ sequence }) => sequence),
      [...this.#heads.values()].map(({ event }) => event),
      this.#sent.map(() => randomUUID()),
      this.#sent.map(({ message }) => message.roomId),
      this.#sent.map(({ firstEvent }) => firstEvent),
      this.#sent.map(({ message }) => message.sender.userId),
      this.#sent.map(({ message }) => message.id),
      this.#sent.map(({ message }) => roomSubject(message.roomId)),
      this.#sent.map(({ message }) =>
        this.#notifies && message.push ? JSON.stringify(pushOf(message)) : null,
      ),
      this.#sent.map(({ message }) => JSON.stringify(message.sender.client)),
      this.#sent.map(({ message }) => message.traceContext ?? null),
    ]);
    return changes;
  }
}

/** Counters, outbox entries and push jobs, in the order of the messages. */
const WRITE_SENT = `/* write_sent */ WITH head AS (
    UPDATE room SET last_sequence = h.sequence, last_event = h.event, "lastMessageAt" = $1::timestamptz
    FROM unnest($2::uuid[], $3::bigint[], $4::bigint[]) AS h (id, sequence, event) WHERE room.id = h.id
  ), sent AS (
    SELECT * FROM unnest($5::uuid[], $6::uuid[], $7::bigint[], $8::int[], $9::uuid[], $10::text[], $11::text[], $12::text[], $13::text[])
      WITH ORDINALITY AS s (event_id, room_id, room_event, user_id, message_id, subject, push, client, trace_context, n)
  ), newest AS (
    SELECT i.id AS room_id, (SELECT max(c.id) FROM scylla_change c WHERE c.room_id = i.id) AS change_id FROM unnest($2::uuid[]) AS i (id)
  ), announced AS (
    INSERT INTO outbox (event_id, subject, room_id, room_event, user_id, message_id, change_id, created_at, trace_context)
    SELECT s.event_id, s.subject, s.room_id, s.room_event, s.user_id, s.message_id, w.change_id, $1::timestamptz, s.trace_context
    FROM sent s JOIN newest w ON w.room_id = s.room_id ORDER BY s.n
  )
  INSERT INTO notification_outbox (notification, client, change_id, due_at, created_at)
  SELECT s.push::json, s.client::json, w.change_id, $1::timestamptz, $1::timestamptz
  FROM sent s JOIN newest w ON w.room_id = s.room_id WHERE s.push IS NOT NULL ORDER BY s.n`;

function pushOf({ roomId, id, sender }: NewMessage): Record<string, unknown> {
  return { kind: 'push', roomId, messageId: id, senderId: sender.userId };
}

function imageOf(message: NewMessage, sequence: number, at: string, contactId: number | null): MessageImage {
  return {
    id: message.id,
    room_id: message.roomId,
    sequence,
    sender_id: message.sender.userId,
    content: message.content,
    content_decrypted: message.contentDecrypted ?? null,
    type: 'user_message',
    lifetime: message.lifetime,
    origin: message.origin,
    replied_message_id: message.replyId ?? null,
    forwarded_message_id: message.forward?.messageId ?? null,
    forwarded_message_original_sender: message.forward?.senderId ?? null,
    location_name: message.locationName ?? null,
    location_latitude: message.locationLatitude ?? null,
    location_longitude: message.locationLongitude ?? null,
    contact_id: contactId,
    contact_name: message.contactName ?? null,
    contact_phone: message.contactPhone ?? null,
    file: message.file ?? null,
    event: message.event ?? null,
    sender_message_id: message.senderMessageId ?? null,
    created_at: at,
    updated_at: at,
  };
}

/** A message that was just seen can only be missing when it was erased by hand. */
function known(message: MessageData | undefined): MessageData {
  if (message === undefined) throw new ChatError('not_found');
  return message;
}

type Outcome =
  | { readonly outcome: 'stored'; readonly message: MessageData }
  | { readonly outcome: 'repeated'; readonly messageId: string; readonly pendingRoom?: string }
  | { readonly outcome: 'refused' };

type Saved = Outcome & { readonly written?: Promise<void> | undefined };
