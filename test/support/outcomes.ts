import { type Client, ConnectError } from '@connectrpc/connect';
import type { ChatService } from '../../src/gen/services/chat/v1/service_pb.ts';

/** What became of calls that were made all at once. */
export interface Outcome {
  readonly ok: number;
  readonly refused: readonly ConnectError[];
  /** How long they took, rounded up: so much may have flowed into a bucket that gets one token a second. */
  readonly seconds: number;
}

/** Makes all of the calls at once. */
export async function outcomesOf(calls: readonly (() => Promise<unknown>)[]): Promise<Outcome> {
  const startedAt = performance.now();
  const settled = await Promise.allSettled(calls.map((call) => call()));
  const refused = settled.flatMap((one) =>
    one.status === 'rejected' ? [ConnectError.from(one.reason)] : [],
  );
  return {
    ok: settled.length - refused.length,
    refused,
    seconds: Math.ceil((performance.now() - startedAt) / 1_000),
  };
}

/** So many messages, in one room after the other. */
export function sends(
  chat: Client<typeof ChatService>,
  count: number,
  rooms: readonly string[],
): (() => Promise<unknown>)[] {
  return Array.from(
    { length: count },
    (_, index) => () => chat.sendMessage({ roomId: rooms[index % rooms.length] ?? '', content: 'YQ==' }),
  );
}
