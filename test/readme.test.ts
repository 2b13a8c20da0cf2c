import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { SETTINGS } from '../src/config/settings.ts';
import { ChatService } from '../src/gen/services/chat/v1/service_pb.ts';
import { TokensService } from '../src/gen/services/tokens/v1/service_pb.ts';
import { UsersService } from '../src/gen/services/users/v1/service_pb.ts';

const root = new URL('../', import.meta.url);
const readme = read('README.md');

describe('README', () => {
  test('lists every setting once, and nothing else', () => {
    expect([...settingRows().keys()].sort()).toEqual(Object.keys(SETTINGS).sort());
  });

  test('tells the defaults as they are', () => {
    const rows = settingRows();
    for (const [name, { schema }] of Object.entries(SETTINGS)) {
      const value = schema.parse(undefined);
      // Settings without a default say in words what happens without them.
      if (value === undefined || value === '') continue;
      expect(rows.get(name), name).toBe(`\`${String(value)}\``);
    }
  });

  test('lists every method once', () => {
    const methods = [ChatService, TokensService, UsersService].flatMap((service) =>
      service.methods.map(({ name }) => name),
    );
    const listed = tableRows(section('RPCs')).flatMap(([names = '']) =>
      [...names.matchAll(/`(\w+)`/g)].map((match) => match[1] ?? ''),
    );
    expect(listed.sort()).toEqual(methods.sort());
  });
});

test.each(['README.md', 'docs/first-five-minutes.md', 'docs/grpc.md', 'docs/connect.md', 'docs/grpc-web.md'])(
  'says of every shell command in %s how CI runs it',
  (path) => {
    const fences = read(path).match(/^```sh$/gm) ?? [];
    const marked =
      read(path).match(/^<!-- ci: (service|kill|stack|follow|run|database|chat) -->\n```sh$/gm) ?? [];
    expect(marked.length).toBe(fences.length);
  },
);

test.each([
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'examples/README.md',
  ...pagesIn('docs/'),
  ...pagesIn('docs/runbooks/'),
])('links in %s lead somewhere', (path) => {
  const links = [...read(path).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map((match) => match[1] ?? '');
  const from = new URL(path, root);
  expect(links.filter((link) => !existsSync(new URL(link, from)))).toEqual([]);
});

test('documents name only npm scripts that exist', () => {
  const { scripts }: { scripts: Record<string, string> } = JSON.parse(read('package.json'));
  const named = ['README.md', 'CONTRIBUTING.md', 'examples/README.md', ...pagesIn('docs/')].flatMap((path) =>
    [...read(path).matchAll(/npm run (?:-s )?([\w:]+)/g)].map((match) => match[1] ?? ''),
  );
  expect(named.filter((name) => !(name in scripts))).toEqual([]);
});

function pagesIn(folder: string): string[] {
  return readdirSync(new URL(folder, root))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}${name}`);
}

/** Name and default of each setting in the table; a row may name several. */
function settingRows(): Map<string, string> {
  const rows = tableRows(section('Configuration')).flatMap(([names = '', value = '']) =>
    [...names.matchAll(/`([A-Z_]+)`/g)].map((match): [string, string] => [match[1] ?? '', value]),
  );
  const map = new Map(rows);
  expect(map.size, 'a setting is listed twice').toBe(rows.length);
  return map;
}

function tableRows(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => /^\| [`*]/.test(line))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    )
    .filter(([first = '']) => !first.startsWith('`services.'));
}

function section(title: string): string {
  return readme.split(/^## /m).find((text) => text.startsWith(`${title}\n`)) ?? '';
}

function read(path: string): string {
  return readFileSync(new URL(path, root), 'utf8');
}
