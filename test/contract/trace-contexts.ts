import { describe, expect, test } from 'vitest';
import { actor, newMessage, newRoom } from '../support/rooms.ts';
import { callersTrace, traceContext } from '../support/trace-headers.ts';
import type { WritesWorld } from './rooms-repository-writes.ts';

/** What is announced belongs to the trace of who caused it. */
export function exerciseTraceContexts(world: WritesWorld): void {
  /** Works as part of a trace, and expects that everything it announces says so. */
  async function traced<T>(work: () => Promise<T>): Promise<T> {
    await world.announced();
    const { traceparent } = callersTrace();
    const result = await traceContext.run(traceparent, work);
    const contexts = (await world.announced()).map((event) => event.traceContext);
    expect(contexts.length).toBeGreaterThan(0);
    expect(new Set(contexts)).toEqual(new Set([traceparent]));
    return result;
  }

  describe('the trace of an event', () => {
    test('is that of the operation, whichever it is', async () => {
      const { repository } = world;
      const { room } = await traced(() => repository.createRoom(newRoom([1, 2])));
      const { message } = await traced(() => repository.saveMessage(newMessage(room.id, 1)));
      await traced(() => repository.markMessagesAsRead(actor(2), room.id, [message.id], 'now'));
      await traced(() => repository.updateMessage(actor(1), message.id, () => ({ content: 'new' })));
      await traced(() => repository.reactToMessage(actor(2), message.id, 'heart'));
      await traced(() => repository.deleteMessages(actor(1), room.id, [message.id], () => undefined));
      await traced(() =>
        repository.updateRoom(actor(1), room.id, () => ({
          room: { name: 'New' },
          effects: [
            { kind: 'system_message', event: 'new_name', content: 'New' },
            { kind: 'event', event: { case: 'isRoomUpdated', value: true } },
          ],
        })),
      );
      await traced(() =>
        repository.addParticipantToRoom(actor(1), room.id, [4], () => ({
          add: [4],
          effects: [{ kind: 'join', userId: 4, joinedAt: 'now' }],
        })),
      );
    });

    test('is each sender’s own, also where many share a transaction', async () => {
      const { room } = await world.repository.createRoom(newRoom([1, 2]));
      const { room: other } = await world.repository.createRoom(newRoom([1, 2, 4]));
      await world.announced();
      const sends = Array.from({ length: 64 }, (_, index) => ({
        ...newMessage(index % 2 === 0 ? room.id : other.id, 1 + (index % 2)),
        // Every fourth one is not traced.
        traceparent: index % 4 === 3 ? undefined : callersTrace().traceparent,
      }));
      await Promise.all(
        sends.map(({ traceparent, ...message }) =>
          traceparent === undefined
            ? world.repository.saveMessage(message)
            : traceContext.run(traceparent, () => world.repository.saveMessage(message)),
        ),
      );
      const found = new Map(
        (await world.announced()).flatMap(({ event, traceContext: context }) =>
          event.case === 'message' || event.case === 'statusUpdate'
            ? [
                [
                  `${event.case} ${event.case === 'message' ? event.value.id : event.value.messageId}`,
                  context,
                ],
              ]
            : [],
        ),
      );
      expect(found).toEqual(
        new Map(
          sends.flatMap(({ id, traceparent }) => [
            [`message ${id}`, traceparent],
            [`statusUpdate ${id}`, traceparent],
          ]),
        ),
      );
    });

    test('is none when nobody traces', async () => {
      const { room } = await world.repository.createRoom(newRoom([1, 2]));
      const { message } = await world.repository.saveMessage(newMessage(room.id, 1));
      await world.repository.markMessagesAsRead(actor(2), room.id, [message.id], 'now');
      await world.repository.updateMessage(actor(1), message.id, () => ({ content: 'new' }));
      const contexts = (await world.announced()).map((event) => event.traceContext);
      expect(contexts.length).toBeGreaterThan(4);
      expect(contexts.every((context) => context === undefined)).toBe(true);
    });
  });
}
