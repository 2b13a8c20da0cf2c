import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  GetMessageHistoryRequestSchema,
  GetMessageHistoryResponseSchema,
  type MessageData,
} from '../../src/gen/services/chat/v1/types_pb.ts';
import type { Identity } from '../clients.ts';
import { METHODS } from '../load-protocol.ts';
import type { CallPool } from './call-pool.ts';

const PAGE = 100;
const MAX_PAGES = 1_000;
const CALL_TIMEOUT_MS = 10_000;
const TRIES = 5;

/** The messages of a room from a sequence on, newest first, a page at a time. Rejects when a page can't be had in a few tries. */
export async function* readHistory(
  calls: CallPool,
  identity: Identity,
  roomId: string,
  fromSequence: number,
): AsyncGenerator<readonly MessageData[]> {
  let before: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const items = await readPage(calls, identity, roomId, before);
    yield items;
    const oldest = items.at(-1);
    if (oldest === undefined || oldest.sequence <= fromSequence) return;
    before = oldest.id;
  }
}

async function readPage(
  calls: CallPool,
  identity: Identity,
  id: string,
  beforeMessageId: string | undefined,
): Promise<readonly MessageData[]> {
  const request = create(GetMessageHistoryRequestSchema, {
    ...{ id, messagesPerRoom: PAGE },
    ...(beforeMessageId === undefined ? {} : { beforeMessageId }),
  });
  const body = toBinary(GetMessageHistoryRequestSchema, request);
  for (let attempt = 1; ; attempt += 1) {
    try {
      const signal = AbortSignal.timeout(CALL_TIMEOUT_MS);
      const answer = await calls.call(METHODS.history, identity, body, signal);
      return fromBinary(GetMessageHistoryResponseSchema, answer).items;
    } catch (error) {
      if (attempt === TRIES) throw error;
    }
  }
}
