import type { CommandDescriptor, OptionDescriptor } from '../descriptor.ts';
import { optionsAfter, optionsOf, takesFile } from './words.ts';

/** For zsh: the file `_connect-chat` in a folder of `fpath`, or sourced after compinit. */
export function zshScript(commands: readonly CommandDescriptor[]): string {
  return `#compdef connect-chat
# Completion of connect-chat for zsh.
_connect_chat() {
  local -a commands
  commands=(
${commands.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`).join('\n')}
    'help:says more about a command'
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2] action=$words[3]
  (( CURRENT == 3 )) && action=''
  case $command in
    help) _describe command commands ;;
${commands.map(caseOf).join('\n')}
  esac
}
if [ "$funcstack[1]" = _connect-chat ]; then
  _connect_chat "$@"
else
  compdef _connect_chat connect-chat
fi`;
}

function caseOf(command: CommandDescriptor): string {
  const { name, actions } = command;
  if (actions === undefined) return `    ${name}) ${argumentsOf(command, undefined)} ;;`;
  return [
    `    ${name})`,
    '      case $action in',
    ...actions.map((action) => `        ${action.name}) ${argumentsOf(command, action.name)} ;;`),
    `        *) local -a actions; actions=(${actions.map((action) => quoted(`${action.name}:${action.summary}`)).join(' ')}); _describe action actions ;;`,
    '      esac ;;',
  ].join('\n');
}

function argumentsOf(command: CommandDescriptor, action: string | undefined): string {
  const taken = optionsAfter(command, action);
  const specs = optionsOf(command)
    .filter(([name]) => taken.includes(name))
    .map(([name, option]) => quoted(spec(name, option)));
  return `_arguments ${[...specs, "'*:: :'"].join(' ')}`;
}

/** `--type[of the room]:TYPE:(p2p group)` */
function spec(name: string, option: OptionDescriptor): string {
  const { type, multiple = false, value = 'value', choices, text } = option;
  const flag = `${multiple ? '*' : ''}--${name}[${text.replace(/[[\]]/g, '')}]`;
  if (type === 'boolean') return flag;
  const offer = choices === undefined ? (takesFile(option) ? '_files' : '') : `(${choices.join(' ')})`;
  return `${flag}:${value}:${offer}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
