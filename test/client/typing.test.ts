import { createClient, createRouterTransport } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ReadMarker, TypingSignal, TypingWatch } from '../../src/client/client.ts';
import { ChatService } from '../../src/gen/services/chat/v1/service_pb.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('who is typing', () => {
  test('has stopped when he says so, when he is not heard of, or when nobody can be', () => {
    const changed: string[] = [];
    const watch = new TypingWatch((roomId) => changed.push(`${roomId}: ${watch.in(roomId)}`));
    watch.set('a', 1, true);
    watch.set('a', 2, true);
    watch.set('b', 3, true);
    watch.set('a', 1, false);
    vi.advanceTimersByTime(4_000);
    watch.set('a', 2, true);
    vi.advanceTimersByTime(4_000);
    expect(watch.in('a')).toEqual([2]);
    expect(watch.in('b')).toEqual([]);
    watch.clear();
    expect(changed).toEqual(['a: 1', 'a: 1,2', 'b: 3', 'a: 2', 'b: ', 'a: ']);
    vi.runAllTimers();
    expect(changed).toHaveLength(6);
  });

  test('of one room is forgotten with it, and of none any more when it is closed', () => {
    const changed: string[] = [];
    const watch = new TypingWatch((roomId) => changed.push(roomId));
    watch.set('a', 1, true);
    watch.set('b', 2, true);
    watch.clear('a');
    expect([watch.in('a'), watch.in('b')]).toEqual([[], [2]]);
    watch.close();
    vi.runAllTimers();
    expect(changed).toEqual(['a', 'b', 'a']);
  });
});

describe('the signals of a typist', () => {
  test('are one in 2.5 s while keys come, and one more when they stop', () => {
    const sent: boolean[] = [];
    const signal = new TypingSignal((isTyping) => sent.push(isTyping));
    for (let key = 0; key < 26; key += 1) {
      signal.key();
      vi.advanceTimersByTime(100);
    }
    expect(sent).toEqual([true, true]);
    vi.advanceTimersByTime(5_000);
    expect(sent).toEqual([true, true, false]);
    signal.stop();
    expect(sent).toHaveLength(3);
    signal.key();
    signal.stop();
    expect(sent).toEqual([true, true, false, true, false]);
    signal.key();
    signal.close();
    vi.runAllTimers();
    expect(sent).toHaveLength(6);
  });
});

describe('a read marker', () => {
  test('tells the newest position only, and makes up for a call that failed', async () => {
    vi.useRealTimers();
    const calls: string[] = [];
    let isAway = false;
    const transport = createRouterTransport(({ service }) => {
      service(ChatService, {
        markMessagesAsRead({ messageIds }) {
          calls.push(...messageIds);
          if (isAway) throw new Error('away');
          return { success: true };
        },
      });
    });
    let marked = 0;
    const marker = new ReadMarker({
      ...{ rpc: createClient(ChatService, transport), roomId: 'room', sequence: 2 },
      marked: () => {
        marked += 1;
      },
    });
    for (const sequence of [1, 2, 4, 3]) marker.mark({ id: `m${sequence}`, sequence });
    await expect.poll(() => marked).toBe(1);
    expect(calls).toEqual(['m4']);
    isAway = true;
    marker.mark({ id: 'm5', sequence: 5 });
    await expect.poll(() => calls.length).toBe(2);
    isAway = false;
    await expect
      .poll(() => {
        marker.flush();
        return marked;
      })
      .toBe(2);
    expect(new Set(calls)).toEqual(new Set(['m4', 'm5']));
  });
});
