import { styleText } from 'node:util';
import { HELP_OPTION } from './arguments.ts';
import type { CommandDescriptor, OptionDescriptor } from './descriptor.ts';

/** How commands are called from a checkout. */
export const PROGRAM = 'npx connect-chat';

const INTRO = `A chat service and everything to work with it.`;
const OUTRO = `Settings come from the environment: see README.md. Ends with 0 when it is done, 1 when it failed, 2 when it was called
wrong, 3 when no service answers; docs/cli.md says more.`;

/** What is shown with a wrong argument: how it is called, and where there is more. */
export function usageOf({ name, usage }: CommandDescriptor): string {
  return `${usageLines(name, usage).join('\n')}\n\n${PROGRAM} ${name} --help says more.`;
}

/** The help of one command. */
export function renderHelp(command: CommandDescriptor, coloured: boolean): string {
  const { name, summary, usage, details, actions = [], options, examples } = command;
  const title = (text: string): string => paint('bold', text, coloured);
  const code = (text: string): string => paint('green', text, coloured);
  return [
    ...usageLines(name, usage),
    '',
    `${capital(summary)}.`,
    ...(details === undefined ? [] : ['', details]),
    ...(actions.length === 0 ? [] : ['', title('Actions:'), ...table(actions.map(actionRow), code)]),
    '',
    title('Options:'),
    ...table(Object.entries({ ...options, ...HELP_OPTION }).map(optionRow), code),
    '',
    title('Examples:'),
    ...examples.map(({ line, text }) => `  ${code(line)}\n      ${text}`),
  ].join('\n');
}

/** Every command in a line. */
export function renderOverview(commands: readonly CommandDescriptor[], coloured: boolean): string {
  const title = (text: string): string => paint('bold', text, coloured);
  const code = (text: string): string => paint('green', text, coloured);
  const start = [
    ['npx connect-chat dev', 'a service with demo data at http://127.0.0.1:8080'],
    ['npx connect-chat chat --as 1 --with 2', 'in another terminal'],
    ['npx connect-chat help rooms', 'more about a command'],
  ];
  return [
    `Usage: ${PROGRAM} COMMAND [ARGUMENTS]`,
    '',
    INTRO,
    '',
    title('Commands:'),
    ...table(
      commands.map(({ name, summary }) => [name, summary]),
      code,
    ),
    '',
    title('Options:'),
    ...table(
      [
        ['-h, --help', 'this, and after a command its own help'],
        ['--version', 'the version'],
      ],
      code,
    ),
    '',
    title('To begin with:'),
    ...table(start, code),
    '',
    OUTRO,
  ].join('\n');
}

function usageLines(name: string, usage: readonly string[]): string[] {
  return usage.map((line, index) =>
    `${index === 0 ? 'Usage: ' : '       '}${PROGRAM} ${name} ${line}`.trimEnd(),
  );
}

function actionRow({ name, summary }: { readonly name: string; readonly summary: string }): string[] {
  return [name, summary];
}

function optionRow([name, { short, value, choices, text }]: [string, OptionDescriptor]): string[] {
  const shown = `${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`;
  return [shown, choices === undefined ? text : `${text}: ${choices.join(', ')}`];
}

function table(rows: readonly (readonly string[])[], code: (text: string) => string): string[] {
  const width = Math.max(...rows.map(([left = '']) => left.length));
  return rows.map(([left = '', right = '']) =>
    `  ${code(left)}${' '.repeat(width - left.length + 2)}${right}`.trimEnd(),
  );
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function paint(format: Parameters<typeof styleText>[0], text: string, coloured: boolean): string {
  return coloured ? styleText(format, text, { validateStream: false }) : text;
}
