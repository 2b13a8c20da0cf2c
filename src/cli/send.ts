import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { toJson } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { type ChatClient, ClientClosedError } from '../client/client.ts';
import { encryptMessage } from '../crypto/message-cipher.ts';
import type { RoomKey } from '../crypto/room-keys.ts';
import { type MessageData, MessageDataSchema } from '../gen/services/chat/v1/types_pb.ts';
import { findRoom, type RoomChoice } from './chat/room-choice.ts';
import { CommandError, EXIT, runCommand, UnreachableError, UsageError } from './command.ts';
import { SEND } from './commands/rooms.ts';
import { usageOf } from './help.ts';
import { inTime, masterKeys, openKey, parseRemote, type RemoteOptions, withService } from './remote.ts';
import { parseUserId } from './token.ts';

/** The service may be away for a restart. */
const STORE_MS = 30_000;
const MAX_ID_CHARS = 64;
/** More than any service takes as one message. */
const MAX_TEXT_CHARS = 1_000_000;

/** Where texts come from; the process's own stdin unless a test brings another. */
export type TextInput = NodeJS.ReadableStream & { readonly isTTY?: boolean };

/** Sends a message, or each line of the input. 0 only when everything is stored. */
export async function runSend(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  input: TextInput = process.stdin,
): Promise<number> {
  return await runCommand(usageOf(SEND), async () => {
    const options = parse(argv, input);
    return await withService(env, options, async ({ client, config, url }) => {
      const room = await inTime(findRoom(client.rpc, options.choice), url);
      const key = openKey(masterKeys(options.master, config), room);
      if (key === undefined)
        throw new CommandError(
          'the key of this room is not known here: --chat-key and --chat-iv, or DATA_DIR as the service has it',
        );
      let number = 0;
      for await (const text of options.texts) {
        number += 1;
        const id = options.isLines && options.id !== undefined ? `${options.id}-${number}` : options.id;
        const stored = await send(
          { client, roomId: room.id, key, url },
          text,
          id ?? randomUUID(),
          options.replyTo,
        );
        console.log(options.isJson ? JSON.stringify(toJson(MessageDataSchema, stored)) : stored.id);
      }
      return EXIT.ok;
    });
  });
}

interface Options extends RemoteOptions {
  readonly me: number;
  readonly choice: RoomChoice;
  readonly texts: AsyncIterable<string>;
  readonly isLines: boolean;
  readonly id: string | undefined;
  readonly replyTo: string | undefined;
  readonly isJson: boolean;
}

function parse(argv: readonly string[], input: TextInput): Options {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: SEND.options,
  });
  const { as, room, with: partner, id, lines: isLines = false } = values;
  if (as === undefined) throw new UsageError('who are you? --as takes your user id');
  if ((room === undefined) === (partner === undefined)) throw new UsageError('where to? --room or --with');
  if (id !== undefined && (id === '' || id.length > MAX_ID_CHARS - (isLines ? 10 : 0)))
    throw new UsageError(`--id: at most ${MAX_ID_CHARS} characters, with --lines 10 less`);
  if (positionals.length === 0 && input.isTTY === true)
    throw new UsageError('what to send? A text, or something on stdin');
  if (positionals.length > 0 && isLines) throw new UsageError('either a text, or --lines of stdin');
  return {
    ...parseRemote(values),
    me: parseUserId(as),
    choice: { room, partner: partner === undefined ? undefined : parseUserId(partner) },
    texts: positionals.length > 0 ? once(positionals.join(' ')) : isLines ? linesOf(input) : whole(input),
    isLines,
    id,
    replyTo: values['reply-to'],
    isJson: values.json === true,
  };
}

async function* once(text: string): AsyncGenerator<string> {
  if (text === '') throw new CommandError('there is nothing to send');
  yield text;
}

/** Everything, without the line break at its end. */
async function* whole(input: TextInput): AsyncGenerator<string> {
  let text = '';
  input.setEncoding('utf8');
  for await (const chunk of input) {
    text += chunk;
    if (text.length > MAX_TEXT_CHARS) throw new CommandError('the text is too long');
  }
  yield* once(text.replace(/\r?\n$/, ''));
}

async function* linesOf(input: TextInput): AsyncGenerator<string> {
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY }))
    if (line.trim() !== '') yield line;
}

interface Target {
  readonly client: ChatClient;
  readonly roomId: string;
  readonly key: RoomKey;
  readonly url: string;
}

async function send(
  { client, roomId, key, url }: Target,
  text: string,
  senderMessageId: string,
  replyId: string | undefined,
): Promise<MessageData> {
  const timer = setTimeout(() => client.close(), STORE_MS);
  try {
    return await client.send(roomId, encryptMessage(text, key), {
      senderMessageId,
      ...(replyId === undefined ? {} : { replyId }),
    });
  } catch (error) {
    throw refusal(error, url, senderMessageId);
  } finally {
    clearTimeout(timer);
  }
}

function refusal(error: unknown, url: string, id: string): CommandError {
  if (error instanceof ClientClosedError)
    return new UnreachableError(
      `not known to be stored: the service at ${url} does not answer; with --id ${id} it can be sent again`,
      { cause: error },
    );
  const { code, rawMessage } = ConnectError.from(error);
  if (code === Code.InvalidArgument || code === Code.PermissionDenied)
    return new CommandError('not sent: this user may not write there, or the text is too long', {
      cause: error,
    });
  if (code === Code.NotFound)
    return new CommandError('not sent: there is no such message to answer, or the room is gone', {
      cause: error,
    });
  return new CommandError(`not sent: ${rawMessage}`, { cause: error });
}
