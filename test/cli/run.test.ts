import { describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { checkArguments } from '../../src/cli/arguments.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import { commandRunner } from '../support/commands.ts';

const { out, err, run } = commandRunner();

describe('the command line', () => {
  it.each(['help', '--help', '-h'])('%s names every command', async (word) => {
    expect(await run([word])).toBe(0);
    for (const { name, summary } of COMMANDS) expect(out.join()).toMatch(new RegExp(`  ${name} +${summary}`));
  });

  it('tells its version', async () => {
    expect(await run(['--version'])).toBe(0);
    expect(out).toEqual([packageJson.version]);
  });

  it.each(COMMANDS.map(({ name }) => name))('explains %s with every option and examples', async (name) => {
    expect(await run(['help', name])).toBe(0);
    const byName = out.join('\n');
    expect(await run([name, '--help'])).toBe(0);
    expect(out.join('\n')).toBe(byName);
    const {
      options,
      actions = [],
      examples,
    } = COMMANDS.find((command) => command.name === name) ?? {
      options: {},
      examples: [],
    };
    for (const option of Object.keys(options)) expect(byName).toContain(`--${option}`);
    for (const action of actions) expect(byName).toContain(action.summary);
    expect(examples.length).toBeGreaterThan(0);
    expect(byName).toContain('Examples:');
  });

  it('has examples that make sense', () => {
    for (const command of COMMANDS) {
      for (const { line } of command.examples) {
        const [, name, rest = ''] =
          /npx connect-chat (\S+)((?: (?:"[^"]*"|[^|)>"]+))*)/.exec(line.replace(/^source <\(/, '')) ?? [];
        expect(name, line).toBe(command.name);
        const words = [...rest.matchAll(/"([^"]*)"|([^\s"]+)/g)].map(([, text, word]) => text ?? word ?? '');
        expect(checkArguments(command, words), line).toBe('run');
      }
    }
  });

  it('is complete: usage, actions and options name the same things', () => {
    for (const { name, usage, options, actions = [] } of COMMANDS) {
      const text = usage.join('\n');
      const used = [...text.matchAll(/--([a-z-]+)/g)].map(([, option = '']) => option);
      expect(
        used.filter((option) => !(option in options)),
        name,
      ).toEqual([]);
      const taken = actions.flatMap((action) => [...action.options]);
      expect(
        taken.filter((option) => !(option in options)),
        name,
      ).toEqual([]);
      for (const action of actions) expect(text, name).toContain(action.name);
    }
  });

  it.each([
    [['tokn', '1'], 'there is no command "tokn"; did you mean token?'],
    [['zzzzzz'], 'there is no command "zzzzzz"'],
    [['help', 'chta'], 'did you mean chat?'],
    [['token', '1', '--admn'], 'there is no --admn; did you mean --admin?'],
    [['token', '1', '--quux'], 'there is no --quux'],
    [['token', '1', '-x'], 'there is no -x'],
    [['token', '1', '--ttl'], '--ttl'],
    [['rooms'], 'what to do? list, show, create, add, remove or leave'],
    [
      ['rooms', 'lst', '--as', '1'],
      'there is no "lst": list, show, create, add, remove or leave; did you mean list?',
    ],
    [['rooms', 'list', '--as', '1', '--members', '2'], '--members makes no sense with list'],
    [
      ['rooms', 'create', '--as', '1', '--type', 'grup'],
      '--type "grup": must be p2p, group or channel; did you mean group?',
    ],
    [['rooms', 'show', '--as', '1'], 'which room?'],
    [['rooms', 'list'], 'who are you?'],
    [['rooms', 'list', '--as', 'me'], '"me" is no user id'],
    [['rooms', 'add', 'Lunch', '--as', '1', '--members', '5-2'], 'the smaller id comes first'],
    [['users', 'list'], 'User ids are needed'],
    [['users', 'list', '1-99999'], 'at most 10000 ids'],
    [['users', 'upsert', '--id', '9'], '--id and --name'],
    [['send', '--as', '1', 'hello'], 'where to? --room or --with'],
    [['send', '--as', '1', '--with', '2', '--lines', 'hello'], 'either a text, or --lines'],
    [['tail', '--as', '1', '--cursor', 'x', '--resume'], 'either --cursor or --resume'],
    [['tail', '--as', '1', '--for', '60d'], 'at most 24d'],
    [['tail', '--as', '1', '--url', 'localhost'], '--url begins with http:// or https://'],
    [['tail', '--as', '1', '--chat-key', 'ab'], 'go together'],
    [['config', 'chek'], 'did you mean check?'],
    [['dev', '--port', '99999'], '--port "99999"'],
    [['dev', '--port', '0', '--open'], '--open needs a port'],
    [['completion', 'csh'], 'did you mean'],
    [['--watch'], 'there is no --watch'],
  ])('refuses %j with 2, and says what may have been meant', async (argv, text) => {
    expect(await run(argv, { DATA_DIR: 'memory:' })).toBe(2);
    expect(err.join('\n')).toContain(text);
    expect(err.join('\n')).not.toMatch(/^\s+at /m);
    expect(out).toEqual([]);
  });
});
