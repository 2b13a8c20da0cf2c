import { parseArgs } from 'node:util';
import { loadConfig } from '../config.ts';
import { runCommand, UsageError } from './command.ts';
import { developmentTokens } from './development-tokens.ts';

const USAGE = `Usage: npm run -s token -- USER_ID [--admin] [--ttl 1h]

  --admin  may use the UsersService
  --ttl    how long it is valid: 90s, 30m, 1h, 7d (default 1d)`;

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };
const MAX_INT32 = 2_147_483_647;

/** Prints a token of a user for the development service, and nothing else, to stdout. */
export async function runToken(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return await runCommand(USAGE, async () => {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        admin: { type: 'boolean', default: false },
        ttl: { type: 'string', default: '1d' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) {
      console.log(USAGE);
      return 0;
    }
    if (positionals.length !== 1) throw new UsageError('whose token? One user id is needed');
    const userId = parseUserId(positionals[0] ?? '');
    const ttlSeconds = parseTtl(values.ttl);
    const sign = developmentTokens(loadConfig(env).config);
    console.log(await sign({ userId, isAdmin: values.admin, ttlSeconds }));
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

function parseTtl(text: string): number {
  const [, amount, unit] = /^(\d{1,9})([smhd]?)$/.exec(text) ?? [];
  const seconds = Number(amount) * (SECONDS[unit === '' ? 's' : (unit ?? '')] ?? Number.NaN);
  if (!(seconds > 0)) throw new UsageError(`"${text}" is no duration: write for example 90s, 30m, 1h or 7d`);
  return seconds;
}
