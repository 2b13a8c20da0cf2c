import { ChatError } from '../../chat/errors.ts';
import { reasonOf } from '../../repository/scylla/migration/patient-writer.ts';
import { CommandError } from '../command.ts';

/** Does the work; whatever goes wrong becomes a text for the operator. */
export async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof CommandError ? error : new CommandError(textOf(error), { cause: error });
  }
}

/** What an operator reads of an error: no stack, and nothing of what was stored. */
export function textOf(error: unknown): string {
  if (error instanceof ChatError) {
    return error.reason === 'store_unavailable'
      ? 'Scylla does not answer'
      : `Scylla refused: ${reasonOf(error)}`;
  }
  if (!(error instanceof Error)) return String(error);
  // The driver puts a stack into what it says.
  if (error.message !== '') return error.message.split('\n    at ')[0] ?? '';
  // A refused connection is an AggregateError without a text of its own.
  return 'code' in error ? String(error.code) : error.name;
}
