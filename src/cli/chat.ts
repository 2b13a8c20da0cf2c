import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { type Config, loadConfig } from '../config.ts';
import { CipherError } from '../crypto/aes-cbc.ts';
import { createRoomKeys, type RoomKey, type RoomKeys } from '../crypto/room-keys.ts';
import type { Room } from '../gen/services/chat/v1/types_pb.ts';
import { connectTo, inWords } from './chat/connection.ts';
import { Look } from './chat/look.ts';
import { findRoom, type RoomChoice } from './chat/room-choice.ts';
import { type Input, type Output, openScreen } from './chat/screen.ts';
import { ChatSession } from './chat/session.ts';
import { runCommand, UsageError } from './command.ts';
import { developmentTokens } from './development-tokens.ts';
import { loadSecrets } from './secrets.ts';
import { parseUserId } from './token.ts';

const USAGE = `Usage: npm run chat -- --as USER_ID (--room ID_OR_NAME | --with USER_ID) [--url http://127.0.0.1:8080]

  --as        who you are
  --room      a room you are in, by id or name
  --with      the person to talk with; the room is made when there is none yet
  --url       where the service is
  --token     a token of that user; without it the development secret signs one
  --chat-key  master key, 64 hex digits; without both: that of the development service
  --chat-iv   master IV, 32 hex digits`;

const TOKEN_TTL_SECONDS = 86_400;

/** Where the chat happens; the process's own streams unless a test brings others. */
export interface Terminal {
  readonly input: Input;
  readonly output: Output;
}

/** Chats in one room from the terminal until the user quits. */
export async function runChat(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  terminal: Terminal = { input: process.stdin, output: process.stdout },
): Promise<number> {
  return await runCommand(USAGE, async () => {
    const options = parse(argv);
    if (options === 'help') {
      terminal.output.write(`${USAGE}\n`);
      return 0;
    }
    const { config } = loadConfig(env);
    const url = options.url ?? urlOf(config);
    const token = options.token ?? (() => signedToken(config, options.me));
    const client = connectTo(url, `terminal-${randomUUID()}`, token);
    try {
      const room = await findRoom(client.rpc, options.choice);
      const key = openKey(masterKeys(options.master, config), room);
      await talk({ client, room, me: options.me, key, terminal });
    } catch (error) {
      throw inWords(error, url);
    }
    return 0;
  });
}

async function talk(options: {
  readonly client: ReturnType<typeof connectTo>;
  readonly room: Room;
  readonly me: number;
  readonly key: RoomKey | undefined;
  readonly terminal: Terminal;
}): Promise<void> {
  const { input, output } = options.terminal;
  const look = new Look({ coloured: 'hasColors' in output && output.hasColors(), me: options.me });
  let session: ChatSession | undefined;
  const screen = openScreen(input, output, '› ', {
    line: (text) => session?.line(text),
    typing: () => session?.typing(),
    end: () => void session?.finish(),
  });
  try {
    session = new ChatSession({ ...options, screen, look });
    await session.run();
  } finally {
    screen.close();
  }
}

interface Options {
  readonly me: number;
  readonly choice: RoomChoice;
  readonly url: string | undefined;
  readonly token: string | undefined;
  readonly master: { readonly key: string; readonly iv: string } | undefined;
}

function parse(argv: readonly string[]): Options | 'help' {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      as: { type: 'string' },
      room: { type: 'string' },
      with: { type: 'string' },
      url: { type: 'string' },
      token: { type: 'string' },
      'chat-key': { type: 'string' },
      'chat-iv': { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return 'help';
  if (values.as === undefined) throw new UsageError('who are you? --as takes your user id');
  if (values.room !== undefined && values.with !== undefined) throw new UsageError('either --room or --with');
  if (values.url !== undefined && !/^https?:\/\/./.test(values.url))
    throw new UsageError('--url begins with http://');
  const { 'chat-key': key, 'chat-iv': iv } = values;
  if ((key === undefined) !== (iv === undefined))
    throw new UsageError('--chat-key and --chat-iv go together');
  return {
    me: parseUserId(values.as),
    choice: { room: values.room, partner: values.with === undefined ? undefined : parseUserId(values.with) },
    url: values.url?.replace(/\/+$/, ''),
    token: values.token,
    master: key === undefined || iv === undefined ? undefined : { key, iv },
  };
}

/** Where a service with the same settings listens. */
function urlOf({ server }: Config): string {
  const host = server.host === '0.0.0.0' || server.host === '::' ? '127.0.0.1' : server.host;
  return `http://${host.includes(':') ? `[${host}]` : host}:${server.port}`;
}

async function signedToken(config: Config, userId: number): Promise<string> {
  return await developmentTokens(config)({ userId, isAdmin: false, ttlSeconds: TOKEN_TTL_SECONDS });
}

/** Undefined when no master key is known here. */
function masterKeys(given: Options['master'], config: Config): RoomKeys | undefined {
  const { dataDir, masterKey } = config;
  const secrets = dataDir === 'memory:' ? undefined : loadSecrets(dataDir);
  const kept = secrets === undefined ? undefined : { key: secrets.chatKey, iv: secrets.chatIv };
  const master = given ?? masterKey ?? kept;
  try {
    return master === undefined ? undefined : createRoomKeys(master);
  } catch (error) {
    if (error instanceof CipherError) throw new UsageError(`--chat-key and --chat-iv: ${error.message}`);
    throw error;
  }
}

/** Undefined when the room's key was made with another master key: then everything shows as locked. */
function openKey(keys: RoomKeys | undefined, room: Room): RoomKey | undefined {
  try {
    return keys?.open(room.encryptionData);
  } catch {
    return undefined;
  }
}
