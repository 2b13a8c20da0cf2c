import { styleText } from 'node:util';
import { ConfigError } from '../config.ts';

/** An expected failure of a command: its text is all that the user needs to read. */
export class CommandError extends Error {
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'CommandError';
  }
}

/**
 * Runs a command and answers its exit code. Expected failures (wrong arguments, wrong settings, a CommandError) end with
 * their text on stderr and code 1, without a stack; anything else passes through. `usageCode` is another one for wrong arguments,
 * where 1 is an answer of the command itself.
 */
export async function runCommand(usage: string, work: () => Promise<number>, usageCode = 1): Promise<number> {
  try {
    return await work();
  } catch (error) {
    const isUsage = isUsageError(error);
    if (!isUsage && !(error instanceof CommandError) && !(error instanceof ConfigError)) throw error;
    console.error(`${styleText('red', '✗', { stream: process.stderr })} ${error.message}`);
    if (isUsage) console.error(`\n${usage}`);
    return isUsage ? usageCode : 1;
  }
}

/** What node:util's parseArgs throws, and what commands throw about their arguments. */
function isUsageError(error: unknown): error is Error {
  return (
    error instanceof UsageError ||
    (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'))
  );
}

/** The arguments make no sense: the usage is shown too. */
export class UsageError extends CommandError {}
