import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { checkArguments } from '../../src/cli/arguments.ts';
import { EXIT } from '../../src/cli/command.ts';
import { COMMANDS } from '../../src/cli/commands.ts';

const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8');
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((text) => [text.split('\n')[0] ?? '', text]),
);

describe('docs/cli.md', () => {
  it('has a section for each command, in the order of help', () => {
    expect([...sections.keys()]).toEqual(['For scripts', ...COMMANDS.map(({ name }) => name)]);
  });

  it.each(COMMANDS.map((command) => [command.name, command] as const))(
    'names every action and option of %s',
    (name, { options, actions = [] }) => {
      const section = sections.get(name) ?? '';
      const missing = Object.keys(options).filter(
        (option) => !new RegExp(`--${option}(?![a-z-])`).test(section),
      );
      // What they all have in common is told once.
      expect(missing.filter((option) => option !== 'json' && option !== 'yes')).toEqual([]);
      for (const action of actions) expect(section).toContain(`npx connect-chat ${name} ${action.name}`);
    },
  );

  it('shows only commands that would run', () => {
    const lines = [...page.matchAll(/npx connect-chat (\w+)((?: (?:"[^"]*"|[^\s|)"#>]+))*)/g)];
    expect(lines.length).toBeGreaterThan(COMMANDS.length);
    for (const [line, name = '', rest = ''] of lines) {
      if (name === 'help') continue;
      const command = COMMANDS.find((known) => known.name === name);
      const words = [...rest.matchAll(/"([^"]*)"|([^\s"]+)/g)].map(([, text, word]) => text ?? word ?? '');
      expect(command && checkArguments(command, words), line).toBe('run');
    }
  });

  it('lists the exit codes', () => {
    const codes = [...(sections.get('For scripts') ?? '').matchAll(/^\| (\d) \|/gm)].map(([, code]) =>
      Number(code),
    );
    expect(codes).toEqual(Object.values(EXIT));
  });
});

it('npm has a script for each command', () => {
  const scripts = Object.values(packageJson.scripts);
  for (const { name } of COMMANDS) {
    if (name === 'completion') continue;
    expect(scripts.map((script) => script.replace('exec ', ''))).toContain(`node src/main.ts ${name}`);
  }
});
