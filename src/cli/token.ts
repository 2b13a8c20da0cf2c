import { parseArgs } from 'node:util';
import { loadConfig } from '../config.ts';
import { runCommand, UsageError } from './command.ts';
import { TOKEN } from './commands/people.ts';
import { developmentTokens } from './development-tokens.ts';
import { usageOf } from './help.ts';

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };
const MAX_INT32 = 2_147_483_647;

/** Prints a token of a user for the development service, and nothing else, to stdout. */
export async function runToken(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return await runCommand(usageOf(TOKEN), async () => {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: TOKEN.options,
    });
    if (positionals.length !== 1) throw new UsageError('whose token? One user id is needed');
    const userId = parseUserId(positionals[0] ?? '');
    const ttlSeconds = parseDuration(values.ttl ?? '1d');
    const sign = developmentTokens(loadConfig(env).config);
    console.log(await sign({ userId, isAdmin: values.admin === true, ttlSeconds }));
    return 0;
  });
}

/** A user id: a whole number from 1 to 2147483647. Throws a UsageError. */
export function parseUserId(text: string): number {
  const id = Number(text);
  if (!/^\d{1,10}$/.test(text) || id < 1 || id > MAX_INT32) {
    throw new UsageError(`"${text}" is no user id: a whole number from 1 on`);
  }
  return id;
}

/** `90s`, `30m`, `1h`, `7d`, or seconds, in seconds; more than none. Throws a UsageError. */
export function parseDuration(text: string): number {
  const [, amount, unit] = /^(\d{1,9})([smhd]?)$/.exec(text) ?? [];
  const seconds = Number(amount) * (SECONDS[unit === '' ? 's' : (unit ?? '')] ?? Number.NaN);
  if (!(seconds > 0)) throw new UsageError(`"${text}" is no duration: write for example 90s, 30m, 1h or 7d`);
  return seconds;
}

/** A whole number from 1 to `max`, as the value of that option. Throws a UsageError. */
export function parseCount(option: string, text: string, max: number): number {
  const value = Number(text);
  if (/^\d{1,9}$/.test(text) && value >= 1 && value <= max) return value;
  throw new UsageError(`--${option} "${text}": must be a whole number from 1 to ${max}`);
}
