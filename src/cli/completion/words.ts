import { HELP_OPTION } from '../arguments.ts';
import type { CommandDescriptor, OptionDescriptor } from '../descriptor.ts';

/** Values that are names of files. */
const FILE_VALUE = 'FILE';

/** Options of a command, with --help, by name. */
export function optionsOf({ options }: CommandDescriptor): (readonly [string, OptionDescriptor])[] {
  return Object.entries({ ...options, ...HELP_OPTION });
}

/** Options that make sense after an action; without actions all of the command's. */
export function optionsAfter(command: CommandDescriptor, action: string | undefined): readonly string[] {
  const taken = command.actions?.find(({ name }) => name === action)?.options;
  const names = optionsOf(command).map(([name]) => name);
  return names.filter((name) => taken === undefined || name === 'help' || taken.includes(name));
}

/** Whether its value is the name of a file. */
export function takesFile({ value }: OptionDescriptor): boolean {
  return value === FILE_VALUE;
}
