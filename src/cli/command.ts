import { styleText } from 'node:util';
import { ConfigError } from '../config.ts';

/** What commands end with (docs/cli.md). */
export const EXIT = { ok: 0, failed: 1, usage: 2, unreachable: 3 } as const;

/** An expected failure of a command: its text is all that the user needs to read. */
export class CommandError extends Error {
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'CommandError';
  }
}

/** No service answers. */
export class UnreachableError extends CommandError {}

/** The arguments make no sense: the usage is shown too. */
export class UsageError extends CommandError {}

/**
 * Runs a command and answers its exit code. Expected failures (wrong arguments, wrong settings, a CommandError) end with
 * their text on stderr and a code of {@link EXIT}, without a stack; anything else passes through.
 */
export async function runCommand(usage: string, work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    const isUsage = isUsageError(error);
    const isExpected = isUsage || error instanceof CommandError || error instanceof ConfigError;
    if (!isExpected || !(error instanceof Error)) throw error;
    console.error(`${styleText('red', '✗', { stream: process.stderr })} ${error.message}`);
    if (isUsage) console.error(`\n${usage}`);
    if (isUsage) return EXIT.usage;
    return error instanceof UnreachableError ? EXIT.unreachable : EXIT.failed;
  }
}

/** What node:util's parseArgs throws, and what commands throw about their arguments. */
function isUsageError(error: unknown): boolean {
  return (
    error instanceof UsageError ||
    (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'))
  );
}
