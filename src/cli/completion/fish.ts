import type { CommandDescriptor, OptionDescriptor } from '../descriptor.ts';
import { optionsOf, takesFile } from './words.ts';

/** For fish: the file `connect-chat.fish` in its folder of completions. */
export function fishScript(commands: readonly CommandDescriptor[]): string {
  return [
    '# Completion of connect-chat for fish.',
    'complete -c connect-chat -f',
    ...[...commands, { name: 'help', summary: 'says more about a command' }].map(
      ({ name, summary }) =>
        `complete -c connect-chat -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}`,
    ),
    `complete -c connect-chat -n '__fish_seen_subcommand_from help' -a ${quoted(commands.map(({ name }) => name).join(' '))}`,
    ...commands.flatMap(linesOf),
  ].join('\n');
}

function linesOf(command: CommandDescriptor): string[] {
  const { name, actions = [] } = command;
  const names = actions.map((action) => action.name);
  const isFirst = `__fish_seen_subcommand_from ${name}; and not __fish_seen_subcommand_from ${names.join(' ')}`;
  return [
    ...actions.map(
      (action) => `complete -c connect-chat -n '${isFirst}' -a ${action.name} -d ${quoted(action.summary)}`,
    ),
    ...optionsOf(command).map(([option, descriptor]) => {
      const users = actions.filter(({ options }) => options.includes(option)).map((action) => action.name);
      const after = users.length === 0 ? '' : `; and __fish_seen_subcommand_from ${users.join(' ')}`;
      return `complete -c connect-chat -n '__fish_seen_subcommand_from ${name}${after}' ${flag(option, descriptor)}`;
    }),
  ];
}

function flag(name: string, option: OptionDescriptor): string {
  const { short, type, choices, text } = option;
  const letter = short === undefined ? '' : ` -s ${short}`;
  const value = type === 'boolean' ? '' : takesFile(option) ? ' -r -F' : ' -x';
  const offer = choices === undefined ? '' : ` -a ${quoted(choices.join(' '))}`;
  return `-l ${name}${letter}${value}${offer} -d ${quoted(text)}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
