import type { CommandDescriptor } from '../descriptor.ts';
import { optionsAfter, optionsOf, takesFile } from './words.ts';

/** For bash 3.2 and newer: `source <(connect-chat completion bash)`. Completes behind `npx connect-chat` too. */
export function bashScript(commands: readonly CommandDescriptor[]): string {
  const names = commands.map(({ name }) => name).join(' ');
  return `# Completion of connect-chat for bash.
_connect_chat() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" first=1
  [ "\${COMP_WORDS[0]}" = npx ] && first=2
  COMPREPLY=()
  if [ "$first" -eq 2 ] && [ "\${COMP_WORDS[1]}" != connect-chat ]; then
    [ "$COMP_CWORD" -eq 1 ] && COMPREPLY=($(compgen -W "connect-chat" -- "$cur"))
    return
  fi
  if [ "$COMP_CWORD" -eq "$first" ]; then
    COMPREPLY=($(compgen -W "${names} help --help --version" -- "$cur"))
    return
  fi
  local command="\${COMP_WORDS[first]}" action="\${COMP_WORDS[first+1]-}" words=""
  [ "$COMP_CWORD" -eq $((first + 1)) ] && action=""
  case "$command $prev" in
${values(commands)}
  esac
  case "$command:$action" in
    help:) words="${names}" ;;
${commands.map(words).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _connect_chat connect-chat
complete -o default -F _connect_chat npx`;
}

/** What may follow an option; nothing where it is free text. */
function values(commands: readonly CommandDescriptor[]): string {
  return commands
    .flatMap((command) =>
      optionsOf(command).flatMap(([name, option]) => {
        if (option.type === 'boolean') return [];
        const { choices } = option;
        const offer =
          choices === undefined ? '' : `COMPREPLY=($(compgen -W "${choices.join(' ')}" -- "$cur")); `;
        const files = takesFile(option) ? 'COMPREPLY=($(compgen -f -- "$cur")); ' : '';
        return [`    "${command.name} --${name}") ${offer}${files}return ;;`];
      }),
    )
    .join('\n');
}

function words(command: CommandDescriptor): string {
  const { name, actions = [] } = command;
  const dashed = (action: string | undefined): string =>
    optionsAfter(command, action)
      .map((option) => `--${option}`)
      .join(' ');
  if (actions.length === 0) return `    ${name}:*) words="${dashed(undefined)}" ;;`;
  return [
    ...actions.map((action) => `    ${name}:${action.name}) words="${dashed(action.name)}" ;;`),
    `    ${name}:) words="${actions.map((action) => action.name).join(' ')} --help" ;;`,
  ].join('\n');
}
