import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { renderTrace, type Trace } from '../../../src/cli/trace/report.ts';
import type { RoomHistory } from '../../../src/events/jetstream-trace.ts';
import type { TracedMessage } from '../../../src/repository/message-trace.ts';

describe('what a position says', () => {
  const now = new Date('2026-05-01T12:00:00Z');
  const at = new Date('2026-05-01T11:59:00Z');
  const epoch = '2026-04-30T00:00:00Z';
  const message: TracedMessage = {
    id: randomUUID(),
    roomId: randomUUID(),
    sequence: 7,
    senderId: 1,
    senderMessageId: undefined,
    type: 'user_message',
    createdAt: at,
    updatedAt: at,
    isEdited: false,
    deletedAt: undefined,
  };
  const event = { roomEvent: 14, kind: 'message', at, sequence: 100 };
  const history: RoomHistory = { epoch, first: 50, last: 200, events: [] };
  const member = { userId: 2, isActive: true, joinSequence: 6, readSequence: 6, readAt: undefined };
  const said = (
    sequence: number,
    change: Partial<Trace> = {},
    member2: Partial<typeof member> = {},
  ): string =>
    renderTrace(
      {
        ...{ message, store: 'PostgreSQL', waiting: [], broker: { history, events: [event] } },
        members: [{ ...member, ...member2 }],
        memberCount: 1,
        positions: [{ userId: 2, clientId: 'tab', epoch, sequence, updatedAt: at }],
        ...change,
      },
      now,
    );

  it.each([
    [100, 'delivered (at 100)'],
    [99, 'not yet: 1 event behind (at 99)'],
    [49, 'not yet: 51 events behind (at 49)'],
    [48, 'at 48, older than what the broker holds'],
  ])('%i of 100: %s', (sequence, text) => {
    expect(said(sequence)).toContain(`client tab: ${text}`);
  });

  it('is older than the message, or not, also when that is no longer held', () => {
    const broker = { history: { ...history, events: [{ ...held(80) }] }, events: [] };
    expect(said(79, { broker })).toContain('client tab: delivered (at 79)');
    expect(said(78, { broker })).toContain('client tab: at 78, older than what the broker holds');
  });

  it('is not that of a message that waits', () => {
    const waiting = [{ ...event, sequence: undefined }];
    const broker = { history, events: [] };
    expect(said(200, { waiting, broker })).toContain('client tab: not yet: it is not published');
    expect(said(200, { waiting, broker })).toContain('broker    not published yet');
  });

  it('of somebody who joined with the next message is no delivery', () => {
    expect(said(100, {}, { joinSequence: 7 })).toContain('joined after it');
    expect(said(100, {}, { joinSequence: 6 })).not.toContain('joined after it');
    expect(said(100, {}, { readSequence: 7 })).toContain('active, read');
    expect(said(100)).toContain('active, not read');
  });

  it('tells why the broker no longer holds it', () => {
    const why = (change: Partial<TracedMessage>, events: RoomHistory['events'] = [held(80)]): string =>
      said(100, {
        message: { ...message, ...change },
        broker: { history: { ...history, events }, events: [] },
      });
    expect(why({ createdAt: new Date('2026-04-23T11:00:00Z') })).toContain(
      'discarded: events are kept for 7 days',
    );
    expect(
      why(
        {},
        Array.from({ length: 1_000 }, () => held(80)),
      ),
    ).toContain('has had 1000 newer events');
    expect(why({ createdAt: new Date('2026-04-29T23:59:59Z') })).toContain(
      'history began anew 2026-04-30T00:00:00',
    );
    expect(why({})).toContain('not held: removed from the stream by hand');
  });

  function held(sequence: number): RoomHistory['events'][number] {
    return { sequence, roomEvent: 20, eventId: randomUUID(), storedAt: at, data: new Uint8Array() };
  }
});
