import { parseArgs } from 'node:util';
import { type Config, loadConfig } from '../config.ts';
import { readRoomHistory } from '../events/jetstream-trace.ts';
import type { MessageKey, TracedMessage } from '../repository/message-trace.ts';
import { waitingEntries } from '../repository/postgres/message-tracer.ts';
import { positionsOf } from '../repository/postgres/stream-positions.ts';
import { CommandError, runCommand, UsageError } from './command.ts';
import { TRACE } from './commands/service.ts';
import { reason } from './doctor/words.ts';
import { usageOf } from './help.ts';
import { parseUserId } from './token.ts';
import { heldEvents, waitingEvents } from './trace/events.ts';
import { renderTrace, type TracedBroker } from './trace/report.ts';
import { openTraceSources, type TraceSources } from './trace/sources.ts';

const SHOWN_MEMBERS = 50;
const ALL_MEMBERS = 1_000_000;
const POSITIONS_PER_MEMBER = 5;
/** Of the room, that are looked through for the message. */
const ENTRIES = 10_000;
const MAX_KEY_CHARS = 64;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Prints where a message is. 1 when there is no such message, or a store can't be read; 2 for wrong arguments. */
export async function runTrace(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return await runCommand(usageOf(TRACE), async () => {
    const options = parse(argv);
    const { config } = loadConfig(env, options.configFile);
    const sources = await openTraceSources(config);
    try {
      const message = await sources.tracer.find(options.key).catch((error: unknown) => {
        throw new CommandError(`${sources.store} can't be read: ${reason(error)}`, { cause: error });
      });
      if (message === undefined)
        throw new CommandError(`there is no message ${nameOf(options.key)} in ${sources.store}`);
      console.log(await trace(config, sources, message, options.all ? ALL_MEMBERS : SHOWN_MEMBERS));
      return 0;
    } finally {
      await sources.close();
    }
  });
}

async function trace(
  config: Config,
  { sql, tracer, store }: TraceSources,
  message: TracedMessage,
  limit: number,
): Promise<string> {
  // What waits first: what is published meanwhile is seen twice then, and never nowhere.
  const waiting = waitingEvents(await waitingEntries(sql, message.roomId, ENTRIES), message.id);
  const broker = await askBroker(config, message);
  const { members, total } = await tracer.members(message, limit);
  const ids = members.map(({ userId }) => userId);
  const positions = await positionsOf(sql, ids, POSITIONS_PER_MEMBER);
  return renderTrace({ message, store, waiting, broker, members, memberCount: total, positions }, new Date());
}

async function askBroker({ nats }: Config, { id, roomId }: TracedMessage): Promise<TracedBroker> {
  if (nats === undefined)
    return {
      unknown: 'inside the process of the service (no NATS_URL), where it can not be asked from here',
    };
  try {
    const history = await readRoomHistory(nats, roomId);
    if (history === undefined) return { unknown: 'there is no stream of events yet: start the service' };
    return { history, events: heldEvents(history, id) };
  } catch (error) {
    return { unknown: `NATS can't be asked: ${reason(error)}` };
  }
}

interface Options {
  readonly key: MessageKey;
  readonly all: boolean;
  readonly configFile: string | undefined;
}

function parse(argv: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: TRACE.options,
  });
  const [id = ''] = positionals;
  if (positionals.length !== 1 || id === '') throw new UsageError('which message? One id is needed');
  return { key: keyOf(id, values.sender), all: values.all === true, configFile: values['config-file'] };
}

function keyOf(id: string, sender: string | undefined): MessageKey {
  if (sender !== undefined) {
    if (id.length > MAX_KEY_CHARS)
      throw new UsageError(`a sender_message_id has at most ${MAX_KEY_CHARS} characters`);
    return { senderId: parseUserId(sender), senderMessageId: id };
  }
  if (UUID.test(id)) return { id: id.toLowerCase() };
  throw new UsageError(`"${id}" is no message id, which is a UUID; a sender_message_id needs --sender`);
}

function nameOf(key: MessageKey): string {
  return 'id' in key ? key.id : `"${key.senderMessageId}" of user ${key.senderId}`;
}
