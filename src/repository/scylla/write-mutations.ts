import type { Mutation } from './session.ts';

/*
 * Invariants:
 * - Mutations of one partition are written in the order in which they were given: a batch begins when the one before it was
 *   acknowledged. So nobody ever sees a message of a room without those before it.
 * - Batches are small enough for a server with its usual limits (5 KiB are warned about, 50 KiB refused): one partition each, at most
 *   MAX_STATEMENTS statements and about MAX_BATCH_BYTES.
 * - At most MAX_IN_FLIGHT batches of a call are on their way.
 */

const MAX_STATEMENTS = 100;
const MAX_BATCH_BYTES = 32_768;
const MAX_IN_FLIGHT = 64;
/** What a statement takes beside its texts. */
const STATEMENT_BYTES = 120;

/** Writes mutations through `send`, which takes a batch of one partition. Rejects with the first failure, when nothing is on its way any more. */
export async function writeMutations(
  mutations: readonly Mutation[],
  send: (batch: readonly Mutation[]) => Promise<void>,
): Promise<void> {
  const partitions = [...Map.groupBy(mutations, ({ partition }) => partition).values()];
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const work = async (): Promise<void> => {
    for (let index = next++; index < partitions.length && failure === undefined; index = next++) {
      try {
        for (const batch of batchesOf(partitions[index] ?? [])) await send(batch);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(MAX_IN_FLIGHT, partitions.length) }, work));
  if (failure !== undefined) throw failure.error;
}

function* batchesOf(mutations: readonly Mutation[]): Generator<readonly Mutation[]> {
  let batch: Mutation[] = [];
  let bytes = 0;
  for (const mutation of mutations) {
    const size = sizeOf(mutation);
    if (batch.length > 0 && (batch.length === MAX_STATEMENTS || bytes + size > MAX_BATCH_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(mutation);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

/** About what it takes on the wire: texts count, the rest is small. */
function sizeOf({ params }: Mutation): number {
  let bytes = STATEMENT_BYTES;
  for (const param of params) if (typeof param === 'string') bytes += 2 * param.length;
  return bytes;
}
