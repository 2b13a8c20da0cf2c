import { takeAction } from './arguments.ts';
import { EXIT, runCommand, UsageError } from './command.ts';
import { COMPLETION } from './commands/shell.ts';
import { COMMANDS } from './commands.ts';
import { bashScript } from './completion/bash.ts';
import { fishScript } from './completion/fish.ts';
import { zshScript } from './completion/zsh.ts';
import type { CommandDescriptor } from './descriptor.ts';
import { usageOf } from './help.ts';

const SCRIPTS: Readonly<
  Record<(typeof COMPLETION.actions)[number]['name'], (commands: readonly CommandDescriptor[]) => string>
> = { bash: bashScript, zsh: zshScript, fish: fishScript };

/** Prints the script that completes every command, action, option and choice in a shell. */
export async function runCompletion(argv: readonly string[]): Promise<number> {
  return await runCommand(usageOf(COMPLETION), async () => {
    const { action, rest } = takeAction(COMPLETION.actions, argv);
    if (rest.length > 0) throw new UsageError(`"${rest.join(' ')}" makes no sense after ${action}`);
    console.log(SCRIPTS[action](COMMANDS));
    return EXIT.ok;
  });
}
