import { parseArgs } from 'node:util';
import { suggestion } from '../config/nearest.ts';
import { UsageError } from './command.ts';
import type { CommandDescriptor, OptionDescriptor, OptionDescriptors } from './descriptor.ts';

/** What every command takes. */
export const HELP_OPTION = {
  help: { type: 'boolean', short: 'h', text: 'shows this' },
} as const satisfies OptionDescriptors;

/**
 * Compares arguments with what the command takes: actions, options, their choices. Answers `help` when it is asked for.
 * Throws a UsageError that tells what may have been meant. Other values are the command's own to check.
 */
export function checkArguments(command: CommandDescriptor, argv: readonly string[]): 'help' | 'run' {
  const options = { ...command.options, ...HELP_OPTION };
  // Not strict: parseArgs can't tell what may have been meant.
  const parsed = parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true });
  const given = parsed.tokens.filter((token) => token.kind === 'option');
  // Whoever asks for help gets it, whatever else is wrong.
  if (given.some(({ name }) => name === 'help')) return 'help';
  for (const { name, rawName, value } of given) {
    const option = Object.hasOwn(command.options, name) ? command.options[name] : undefined;
    if (option === undefined) throw unknownOption(rawName, Object.keys(options));
    checkChoice(rawName, value, option);
  }
  if (command.actions !== undefined) {
    const { action } = takeAction(command.actions, parsed.positionals);
    const taken = command.actions.find(({ name }) => name === action)?.options ?? [];
    const foreign = given.find(({ name }) => !taken.includes(name));
    if (foreign !== undefined) throw new UsageError(`${foreign.rawName} makes no sense with ${action}`);
  }
  return 'run';
}

/** The first argument as one of the actions, and the others. Throws a UsageError. */
export function takeAction<A extends string>(
  actions: readonly { readonly name: A }[],
  [word, ...rest]: readonly string[],
): { readonly action: A; readonly rest: readonly string[] } {
  const names = actions.map(({ name }) => name);
  if (word === undefined) throw new UsageError(`what to do? ${listed(names)}`);
  const action = names.find((name) => name === word);
  if (action === undefined)
    throw new UsageError(`there is no "${word}": ${listed(names)}${suggestion(word, names)}`);
  return { action, rest };
}

function unknownOption(rawName: string, known: readonly string[]): UsageError {
  const names = known.map((name) => `--${name}`);
  return new UsageError(`there is no ${rawName}${suggestion(rawName, names)}`);
}

function checkChoice(rawName: string, value: string | undefined, { choices }: OptionDescriptor): void {
  if (choices === undefined || value === undefined || choices.includes(value)) return;
  throw new UsageError(`${rawName} "${value}": must be ${listed(choices)}${suggestion(value, choices)}`);
}

/** `a, b or c` */
function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}
