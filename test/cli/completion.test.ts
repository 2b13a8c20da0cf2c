import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, inject, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { commandRunner } from '../support/commands.ts';

const { out, run } = commandRunner();
const folder = mkdtempSync(join(tmpdir(), 'chat-completion-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('completion in bash', () => {
  it.each([
    ['connect-chat |', [...COMMANDS.map(({ name }) => name), 'help', '--help', '--version']],
    ['connect-chat ro|', ['rooms']],
    ['npx connect-chat se|', ['serve', 'send']],
    ['npx con|', ['connect-chat']],
    ['npx vitest r|', []],
    ['connect-chat help do|', ['doctor']],
    ['connect-chat rooms cr|', ['create']],
    ['connect-chat rooms list --s|', ['--search']],
    ['connect-chat rooms list --mem|', []],
    ['connect-chat rooms add Lunch --mem|', ['--members']],
    ['connect-chat rooms create --type |', ['p2p', 'group', 'channel']],
    ['npx connect-chat rooms create --type g|', ['group']],
    ['connect-chat rooms create --name |', []],
    ['connect-chat tail --as 1 --re|', ['--resume']],
    ['connect-chat completion |', ['bash', 'zsh', 'fish', '--help']],
    ['connect-chat serve --config-file package.j|', ['package.json']],
    ['connect-chat nonsense -|', []],
  ])('offers after %j: %j', async (line, expected) => {
    expect(await complete(line)).toEqual(expected);
  });

  it('knows every option of every command', async () => {
    for (const { name, options, actions = [] } of COMMANDS) {
      if (actions.length === 0) {
        const names = [...Object.keys(options), 'help'].map((option) => `--${option}`);
        expect(await complete(`connect-chat ${name} --|`), name).toEqual(names);
      }
      for (const action of actions) {
        const offered = await complete(`connect-chat ${name} ${action.name} --|`);
        expect(offered.sort(), action.name).toEqual([...action.options, 'help'].map((o) => `--${o}`).sort());
      }
    }
  });

  async function complete(line: string): Promise<string[]> {
    expect(await run(['completion', 'bash'])).toBe(0);
    const words = line
      .replace('|', '')
      .split(' ')
      .map((word) => `'${word}'`);
    const script = `${out.join('\n')}
      COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}
      _connect_chat; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const printed = execFileSync('bash', ['--norc', '-u', '-c', script], { encoding: 'utf8' });
    return printed.split('\n').filter((word) => word !== '');
  }
});

describe.each(['zsh', 'fish'] as const)('completion in %s', (shell) => {
  it('names every command, action and option', async () => {
    expect(await run(['completion', shell])).toBe(0);
    const script = out.join('\n');
    for (const { name, options, actions = [] } of COMMANDS) {
      expect(script).toContain(name);
      for (const action of actions)
        expect(script).toContain(action.summary.replaceAll("'", "\\'").slice(0, 20));
      for (const option of Object.keys(options)) {
        expect(script).toContain(shell === 'zsh' ? `--${option}[` : `-l ${option} `);
      }
    }
  });

  it('quotes what the shell would read', async () => {
    expect(await run(['completion', shell])).toBe(0);
    for (const line of out.join('\n').split('\n')) {
      const plain = line.replaceAll(shell === 'fish' ? "\\'" : "'\\''", '');
      expect((plain.match(/'/g) ?? []).length % 2, line).toBe(0);
    }
  });

  it.runIf(inject('canStart')[shell])('is understood by it', async () => {
    execFileSync(shell, ['-n', await scriptFile(shell)]);
  });
});

describe.runIf(inject('canStart').fish)('completion in fish', () => {
  it.each([
    ['connect-chat ro', ['rooms']],
    ['connect-chat rooms cr', ['create']],
    ['connect-chat rooms list --ty', ['--type']],
    ['connect-chat rooms create --type ', ['channel', 'group', 'p2p']],
    ['connect-chat serve --mem', []],
  ])('offers after "%s": %j', async (line, expected) => {
    const code = `source ${await scriptFile('fish')}; complete -C '${line}'`;
    const offered = execFileSync('fish', ['--no-config', '-c', code], { encoding: 'utf8' });
    expect(
      offered
        .split('\n')
        .filter((row) => row !== '')
        .map((row) => row.split('\t')[0]),
    ).toEqual(expected);
  });
});

async function scriptFile(shell: string): Promise<string> {
  expect(await run(['completion', shell])).toBe(0);
  const file = join(folder, `completion.${shell}`);
  writeFileSync(file, out.join('\n'));
  return file;
}
