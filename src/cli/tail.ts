import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { type ChatEvent, StreamReplacedError } from '../client/client.ts';
import type { Room } from '../gen/services/chat/v1/types_pb.ts';
import type { ChatRpc } from './chat/connection.ts';
import { findRoom } from './chat/room-choice.ts';
import { CommandError, EXIT, runCommand, UsageError } from './command.ts';
import { TAIL } from './commands/rooms.ts';
import { usageOf } from './help.ts';
import { inTime, masterKeys, parseRemote, type RemoteOptions, withService } from './remote.ts';
import { jsonLine, plainLine } from './tail/lines.ts';
import { TailRooms } from './tail/rooms.ts';
import { parseCount, parseDuration, parseUserId } from './token.ts';

/** Where events and what is said about them go; the process's own streams unless a test brings others. */
export interface TailOutput {
  readonly out: NodeJS.WritableStream;
  readonly err: NodeJS.WritableStream;
}

const MAX_COUNT = 999_999_999;
/** Timers can't be longer than that. */
const MAX_SECONDS = 24 * 86_400;
/** One name for a user's resumable tails; its position is the service's to keep. */
const RESUMED_CLIENT = 'command-tail';

/** Follows a user's events until it is interrupted, has printed enough, or nobody reads any more: then 0. */
export async function runTail(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  output: TailOutput = { out: process.stdout, err: process.stderr },
): Promise<number> {
  return await runCommand(usageOf(TAIL), async () => {
    const options = parse(argv);
    const ended = endOf(output.out, options.forSeconds);
    try {
      await withService(env, options, async ({ client, config, url }) => {
        const room = await inTime(chosenRoom(client.rpc, options), url);
        const rooms = new TailRooms(client.rpc, masterKeys(options.master, config));
        if (room !== undefined) rooms.learn(room);
        const events = client.events({
          ...(room === undefined ? {} : { roomId: room.id }),
          ...(options.cursor === undefined ? {} : { cursor: options.cursor }),
          signal: ended.signal,
        });
        await follow(events, rooms, { ...output, ...options, signal: ended.signal });
      });
    } catch (error) {
      // Whoever has enough does not care that the service went in that moment.
      if (!ended.signal.aborted) throw error;
    } finally {
      ended.release();
    }
    return EXIT.ok;
  });
}

interface Options extends RemoteOptions {
  readonly me: number;
  readonly room: string | undefined;
  readonly partner: number | undefined;
  readonly cursor: string | undefined;
  readonly clientId?: string;
  readonly count: number;
  readonly forSeconds: number | undefined;
  readonly isJson: boolean;
}

function parse(argv: readonly string[]): Options {
  const { values } = parseArgs({ args: [...argv], options: TAIL.options });
  const { as, room, with: partner, cursor, resume = false, count, for: time } = values;
  if (as === undefined) throw new UsageError('who are you? --as takes your user id');
  if (room !== undefined && partner !== undefined) throw new UsageError('either --room or --with');
  if (cursor !== undefined && resume) throw new UsageError('either --cursor or --resume');
  if (resume && (room ?? partner) !== undefined)
    throw new UsageError('--resume goes on with all rooms: without --room and --with');
  return {
    ...parseRemote(values),
    me: parseUserId(as),
    room,
    partner: partner === undefined ? undefined : parseUserId(partner),
    cursor,
    ...(resume ? { clientId: RESUMED_CLIENT } : {}),
    count: count === undefined ? Number.POSITIVE_INFINITY : parseCount('count', count, MAX_COUNT),
    forSeconds: time === undefined ? undefined : secondsOf(time),
    isJson: values.json === true,
  };
}

function secondsOf(text: string): number {
  const seconds = parseDuration(text);
  if (seconds > MAX_SECONDS) throw new UsageError(`--for "${text}": at most 24d`);
  return seconds;
}

/** Asks in any case: who can't reach the service at the start is told so at once. */
async function chosenRoom(rpc: ChatRpc, { room, partner }: Options): Promise<Room | undefined> {
  if (room !== undefined || partner !== undefined) return await findRoom(rpc, { room, partner });
  await rpc.getRooms({ page: 1, limit: 1 });
  return undefined;
}

async function follow(
  events: AsyncIterable<ChatEvent>,
  rooms: TailRooms,
  { out, err, count, isJson, signal }: TailOutput & Options & { readonly signal: AbortSignal },
): Promise<void> {
  let printed = 0;
  try {
    for await (const item of events) {
      if (item.type !== 'event') {
        err.write(remark(item));
        continue;
      }
      if (item.event.room !== undefined) rooms.learn(item.event.room);
      const line = isJson
        ? await jsonLine(item.event, rooms)
        : await plainLine(item.event, rooms, new Date());
      if (signal.aborted) return;
      if (!out.write(`${line}\n`)) await once(out, 'drain', { signal });
      printed += 1;
      if (printed >= count) return;
    }
  } catch (error) {
    if (error instanceof StreamReplacedError)
      throw new CommandError('another tail --resume of this user has begun; only one goes on', {
        cause: error,
      });
    throw error;
  }
}

function remark(item: Exclude<ChatEvent, { readonly type: 'event' }>): string {
  if (item.type === 'resync') {
    const where = item.roomId === '' ? '' : ` in room ${item.roomId}`;
    return `# events are missing here${where} (${item.reason})\n`;
  }
  switch (item.status) {
    case 'connecting':
      return '';
    case 'online':
      return item.again ? '# connected again\n' : '# connected\n';
    case 'offline':
      return `# connection lost (${item.reason}), next try in ${(item.nextDelayMs / 1000).toFixed(1)} s\n`;
  }
}

/** `signal` aborts at Ctrl-C, when the time is over, and when nobody reads the output any more. */
function endOf(out: NodeJS.WritableStream, forSeconds: number | undefined) {
  const ended = new AbortController();
  const end = (): void => ended.abort();
  const timer = forSeconds === undefined ? undefined : setTimeout(end, forSeconds * 1_000);
  process.on('SIGINT', end);
  process.on('SIGTERM', end);
  out.on('error', end);
  return {
    signal: ended.signal,
    release() {
      clearTimeout(timer);
      process.off('SIGINT', end);
      process.off('SIGTERM', end);
      // `error` stays heard: what was written last may still fail.
    },
  };
}
