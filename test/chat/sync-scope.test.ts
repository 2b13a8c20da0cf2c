import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { syncScope } from '../../src/chat/sync.ts';
import { InitialSyncRequestSchema, SyncStrategy } from '../../src/gen/services/chat/v1/types_pb.ts';
import { expectRefusal } from './states.ts';

const NOW = new Date('2024-05-31T00:00:00.000Z');
const RECENT = '2024-05-01T00:00:00.000Z';
const SINCE = '2024-05-20T00:00:00.000Z';

describe('what a strategy asks for', () => {
  test.each<[keyof typeof SyncStrategy, string | undefined, object]>([
    ['UNSPECIFIED', undefined, { perRoom: 100 }],
    ['FULL', SINCE, { perRoom: 100, after: SINCE }],
    ['RECENT', undefined, { perRoom: 100, createdAfter: RECENT }],
    ['RECENT', SINCE, { perRoom: 100, createdAfter: RECENT, after: SINCE }],
    ['MINIMAL', undefined, { perRoom: 1 }],
    ['MINIMAL', SINCE, { perRoom: 1, after: SINCE }],
    ['SMART', undefined, { perRoom: 100, createdAfter: RECENT }],
    ['SMART', SINCE, { perRoom: 100, after: SINCE }],
  ])('%s since %s', (strategy, since, expected) => {
    expect(syncScope({ syncStrategy: SyncStrategy[strategy], messagesPerRoom: 0 }, since, NOW)).toEqual(
      expected,
    );
  });

  test.each([
    [1, 1],
    [100, 100],
    [101, 100],
    [2_147_483_647, 100],
  ])('%i messages per room are read as %i', (messagesPerRoom, perRoom) => {
    const request = { syncStrategy: SyncStrategy.FULL, messagesPerRoom };
    expect(syncScope(request, undefined, NOW)).toEqual({ perRoom });
  });

  test('a negative number and an unknown strategy are refused', () => {
    const refuses = (request: Uint8Array): void =>
      expectRefusal(
        () => syncScope(fromBinary(InitialSyncRequestSchema, request), undefined, NOW),
        'invalid_request_data',
      );
    const negative = create(InitialSyncRequestSchema, { messagesPerRoom: -1 });
    refuses(toBinary(InitialSyncRequestSchema, negative));
    // sync_strategy: 5
    refuses(Uint8Array.of(0x10, 5));
  });
});
