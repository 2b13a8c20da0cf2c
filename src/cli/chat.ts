import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import type { ChatView } from './chat/chat-view.ts';
import { PlainView, runPlain } from './chat/plain.ts';
import { findRoom, type RoomChoice } from './chat/room-choice.ts';
import { ChatSession } from './chat/session.ts';
import { EXIT, runCommand, UsageError } from './command.ts';
import { CHAT } from './commands/people.ts';
import { usageOf } from './help.ts';
import { masterKeys, openKey, parseRemote, type Remote, type RemoteOptions, withService } from './remote.ts';
import { parseUserId } from './token.ts';

/** Chats from the terminal until the user quits: on a full screen, or by lines where there is none. */
export async function runChat(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return await runCommand(usageOf(CHAT), async () => {
    const options = parse(argv);
    const { me, remote } = options;
    const clientId = `terminal-${randomUUID()}`;
    await withService(env, { ...remote, me, clientId }, async (service) => await chat(options, service));
    return EXIT.ok;
  });
}

async function chat({ me, choice, plain, remote }: Options, { client, config }: Remote): Promise<void> {
  const { stdin, stdout } = process;
  const isPlain = plain || !stdin.isTTY || !stdout.isTTY;
  const keys = masterKeys(remote.master, config);
  const first = await findRoom(client.rpc, choice);
  const open = (view: ChatView): ChatSession =>
    new ChatSession({ client, me, first, keyOf: (room) => openKey(keys, room), view, endsWithRoom: isPlain });
  if (isPlain) await runPlain(open(new PlainView(stdout, me)), stdin);
  // Pipes do without the libraries of the full screen.
  else await (await import('./chat/ui/run.ts')).runUi(open, { stdin, stdout, coloured: stdout.hasColors() });
}

interface Options {
  readonly me: number;
  readonly choice: RoomChoice;
  readonly plain: boolean;
  readonly remote: RemoteOptions;
}

function parse(argv: readonly string[]): Options {
  const { values } = parseArgs({ args: [...argv], options: CHAT.options });
  if (values.as === undefined) throw new UsageError('who are you? --as takes your user id');
  if (values.room !== undefined && values.with !== undefined) throw new UsageError('either --room or --with');
  return {
    me: parseUserId(values.as),
    choice: { room: values.room, partner: values.with === undefined ? undefined : parseUserId(values.with) },
    plain: values.plain === true,
    remote: parseRemote(values),
  };
}
