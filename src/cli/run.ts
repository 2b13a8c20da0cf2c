import packageJson from '../../package.json' with { type: 'json' };
import { suggestion } from '../config/nearest.ts';
import { environment } from '../config.ts';
import { checkArguments } from './arguments.ts';
import { EXIT, runCommand } from './command.ts';
import { SERVE } from './commands/service.ts';
import { COMMANDS } from './commands.ts';
import type { CommandDescriptor } from './descriptor.ts';
import { PROGRAM, renderHelp, renderOverview, usageOf } from './help.ts';

const HELP = ['help', '--help', '-h'];
const VERSION = ['version', '--version', '-v'];

/** Runs the command that the arguments name, `serve` when they name none, and answers the exit code. */
export async function run(argv: readonly string[], env: NodeJS.ProcessEnv = environment()): Promise<number> {
  const [first = SERVE.name, ...rest] = argv;
  if (VERSION.includes(first)) {
    console.log(packageJson.version);
    return EXIT.ok;
  }
  if (HELP.includes(first)) return help(rest[0]);
  // Options without a command are the service's.
  if (first.startsWith('-')) return await start(SERVE, argv, env);
  const command = find(first);
  return command === undefined ? unknown(first) : await start(command, rest, env);
}

async function start(
  command: CommandDescriptor,
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<number> {
  return await runCommand(usageOf(command), async () => {
    if (checkArguments(command, argv) === 'run') return await command.run(argv, env);
    console.log(renderHelp(command, isColoured()));
    return EXIT.ok;
  });
}

function help(name: string | undefined): number {
  const command = name === undefined ? undefined : find(name);
  if (name !== undefined && command === undefined) return unknown(name);
  console.log(
    command === undefined ? renderOverview(COMMANDS, isColoured()) : renderHelp(command, isColoured()),
  );
  return EXIT.ok;
}

function unknown(name: string): number {
  const names = COMMANDS.map((command) => command.name);
  console.error(
    `✗ there is no command "${name}"${suggestion(name, [...names, 'help'])}\n\n${PROGRAM} help lists what there is.`,
  );
  return EXIT.usage;
}

function find(name: string): CommandDescriptor | undefined {
  return COMMANDS.find((command) => command.name === name);
}

function isColoured(): boolean {
  return process.stdout.isTTY === true && process.stdout.hasColors();
}
