import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { readSourceFiles, type SourceFile } from './support/source-files.ts';

/**
 * Who may import what. A module is a folder of src, or a file right in it.
 *
 * An entry is a module, a file of one (`chat/types`), or a package; `type:` allows its types only.
 * Not listed: files of the same module, Node's own modules except those in `nodeModules`, and what everybody may use.
 */
const allowed: Readonly<Record<string, readonly string[]>> = {
  main: ['cli', 'type:config'],
  // Runs in browsers too.
  client: ['gen', '@bufbuild/protobuf', '@connectrpc/connect'],
  // Runs in browsers only.
  web: [
    ...['client', 'gen', 'preact', '@preact/signals', 'vite'],
    ...['@bufbuild/protobuf', '@connectrpc/connect', '@connectrpc/connect-web'],
  ],
  cli: [
    ...[
      'app',
      'client',
      'config',
      'logger',
      'lifecycle',
      'auth',
      'crypto',
      'chat',
      'events',
      'repository',
      'gen',
    ],
    ...['redis', 'server/http-server', 'package.json'],
    ...[
      '@bufbuild/protobuf',
      '@connectrpc/connect',
      '@connectrpc/connect-node',
      'cli-progress',
      'ink',
      'jose',
      'pino',
      'react',
      'uuid',
    ],
  ],
  app: ['*'],
  // Settings say which values are legal, so they ask those who read them.
  config: ['auth/public-key', 'crypto', 'zod'],
  logger: ['type:config', 'pino', 'pino-pretty'],
  lifecycle: [],
  breaker: ['cockatiel'],
  metrics: ['prom-client'],
  redis: ['type:config', 'ioredis'],
  cache: ['type:redis/redis-connection', 'lru-cache'],
  limits: ['type:config', 'type:metrics', 'type:redis', 'lru-cache'],
  tracing: ['type:config', '@opentelemetry/'],
  server: ['metrics', 'fflate', 'ws'],
  rpc: [
    ...['chat', 'streams', 'auth', 'metrics', 'gen', 'type:repository', 'type:notifications/notifications'],
    'type:limits',
    ...['@bufbuild/protobuf', '@connectrpc/connect', '@connectrpc/connect-node'],
  ],
  // Calls what rpc serves; knows of the service itself only what they share.
  rest: [
    ...['rpc/adapter', 'rpc/call-span', 'rpc/context', 'rpc/stream-sink', 'rpc/stream-writer', 'gen'],
    ...['auth/client-params', 'server/exchange', 'server/web-socket', 'type:streams/streams'],
    ...['@bufbuild/protobuf', '@connectrpc/connect', '@connectrpc/connect-node'],
  ],
  chat: [
    ...['gen', 'crypto', 'type:auth/caller', 'type:notifications/notifications'],
    ...['type:repository/rooms-repository', 'type:repository/users-repository'],
    ...['type:repository/tokens-repository', '@bufbuild/protobuf', 'uuid'],
  ],
  auth: [
    ...['chat/errors', 'gen', 'type:config', 'type:repository/users-repository'],
    ...['@bufbuild/protobuf', 'jose'],
  ],
  crypto: [],
  repository: [
    ...['gen', 'chat/types', 'chat/errors', 'chat/events', 'events/outbox', 'events/subjects', 'metrics'],
    ...[
      'type:auth/caller',
      'type:notifications/notifications',
      'type:streams/ports',
      'type:cache/cache-store',
    ],
    ...['@bufbuild/protobuf', 'pg', '@electric-sql/pglite', 'cassandra-driver', 'uuid', 'zod'],
  ],
  events: ['gen', 'metrics', '@bufbuild/protobuf', '@nats-io/jetstream', '@nats-io/transport-node'],
  streams: [
    ...['gen', 'chat/types', 'chat/errors', 'events/broker', 'events/codec', 'events/subjects', 'metrics'],
    ...['type:auth/caller', '@bufbuild/protobuf'],
  ],
  notifications: [
    ...['gen', 'metrics', 'type:auth/caller', 'type:config'],
    ...['@bufbuild/protobuf', '@connectrpc/connect', '@connectrpc/connect-node'],
  ],
};

/** What everybody but crypto, client and web may use. */
const everywhere = ['type:logger', 'type:lifecycle', 'lifecycle', 'breaker', 'type:tracing/tracing'];

/** These use nothing of ours but what they are allowed by name. */
const apart = ['crypto', 'client', 'web'];

/** Packages that a single place knows. */
const drivers: readonly (readonly [string, RegExp])[] = [
  ['pg', /^src\/repository\/postgres\//],
  ['@electric-sql/pglite', /^src\/repository\/postgres\//],
  ['cassandra-driver', /^src\/repository\/scylla\//],
  ['@nats-io/', /^src\/events\/jetstream-/],
  ['ioredis', /^src\/redis\//],
  ['cockatiel', /^src\/breaker\.ts$/],
  ['lru-cache', /^src\/(cache|limits)\//],
  ['prom-client', /^src\/metrics\//],
  ['@opentelemetry/', /^src\/tracing\//],
  ['cli-progress', /^src\/cli\//],
  ['ink', /^src\/cli\/chat\/ui\//],
  ['react', /^src\/cli\/chat\/ui\//],
  ['jose', /^src\/(auth|cli)\//],
  ['fflate', /^src\/server\/docs\//],
  ['ws', /^src\/server\/web-socket\.ts$/],
];

/** Node modules that talk to the outside, and who may. */
const nodeModules: readonly (readonly [RegExp, RegExp])[] = [
  [/^node:(http|http2|net|tls)$/, /^src\/(server|cli|app)(\/|\.ts$)/],
  [/^node:fs/, /^src\/(config|cli|app|repository|server)(\/|\.ts$)/],
  [/^node:child_process$/, /^src\/cli\/dev\.ts$/],
  [/^node:(cluster|worker_threads)$/, /^$/],
  [/^node:/, /^src\/(?!client\/|web\/)/],
];

/** Longer than 300 lines on purpose. */
const longFiles: readonly string[] = [];

const root = fileURLToPath(new URL('..', import.meta.url));
const files = readSourceFiles(root, ['src']);
const users = readSourceFiles(root, ['src', 'test', 'bench', '.ci']);

describe('the import table', () => {
  test('every module has a place in it', () => {
    expect([...new Set(files.map((file) => moduleOf(file.path)))].filter((m) => !(m in allowed))).toEqual([]);
  });

  test('holds for every file', () => {
    expect(files.flatMap(forbiddenImports)).toEqual([]);
  });

  test('only cli and tests import app', () => {
    expect(importersOf('src/app.ts').filter((path) => !path.startsWith('src/cli/'))).toEqual([]);
  });

  test('each driver is known in one place', () => {
    const found = files.flatMap((file) =>
      file.imports
        .filter(({ target }) =>
          drivers.some(([name, place]) => isPackage(target, name) && !place.test(file.path)),
        )
        .map(({ target }) => `${file.path} imports ${target}`),
    );
    expect(found).toEqual([]);
  });

  test('only those who talk to the outside use the modules for it', () => {
    const found = files.flatMap((file) =>
      file.imports
        .filter(({ target, typeOnly }) =>
          nodeModules.some(([name, place]) => !typeOnly && name.test(target) && !place.test(file.path)),
        )
        .map(({ target }) => `${file.path} imports ${target}`),
    );
    expect(found).toEqual([]);
  });
});

describe('the style', () => {
  test('only config reads the environment', () => {
    expect(filesWith(/\bprocess\.env\b/)).toEqual(filesWith(/\bprocess\.env\b/, /^src\/config(\/|\.ts$)/));
  });

  test('only main reads the arguments', () => {
    expect(filesWith(/\bprocess\.argv\b/)).toEqual(filesWith(/\bprocess\.argv\b/, /^src\/main\.ts$/));
  });

  test('only the command line prints', () => {
    expect(filesWith(/\bconsole\./)).toEqual(filesWith(/\bconsole\./, /^src\/cli\//));
  });

  test('no index files', () => {
    expect(files.filter(({ path }) => path.endsWith('/index.ts')).map(({ path }) => path)).toEqual([]);
  });

  test('no file is longer than 300 lines', () => {
    const long = files.filter(({ path, lines }) => lines > 300 && !longFiles.includes(path));
    expect(long.map(({ path, lines }) => `${path}: ${lines}`)).toEqual([]);
  });

  test('nothing is left to do, untyped or forced', () => {
    expect(filesWith(/\bas any\b|: any\b|<any>/)).toEqual([]);
    const notes = users.filter(({ path }) => path !== 'test/architecture.test.ts');
    expect(notes.filter(({ code }) => /@ts-(ignore|nocheck)/.test(code)).map(({ path }) => path)).toEqual([]);
  });

  test('every export is used somewhere else', () => {
    const used = new Set(
      users.flatMap((file) =>
        file.imports.flatMap(({ target, names }) => names.map((name) => `${target} ${name}`)),
      ),
    );
    const unused = files.flatMap((file) =>
      file.exports
        .filter((name) => !used.has(`${file.path} ${name}`) && !used.has(`${file.path} *`))
        // A type that another export of its file mentions is part of that export.
        .filter((name) => !isPartOfAnExport(file, name))
        .map((name) => `${file.path}: ${name}`),
    );
    expect(unused).toEqual([]);
  });
});

function forbiddenImports(file: SourceFile): string[] {
  const module = moduleOf(file.path);
  const rules = [...(allowed[module] ?? []), ...(apart.includes(module) ? [] : everywhere)];
  return file.imports
    .filter(({ target, typeOnly }) => !isAllowed(module, target, typeOnly, rules))
    .map(({ target, typeOnly }) => `${file.path} imports ${typeOnly ? 'type ' : ''}${target}`);
}

function isAllowed(module: string, target: string, typeOnly: boolean, rules: readonly string[]): boolean {
  if (target.startsWith('node:') || rules.includes('*')) return true;
  const local = target.startsWith('src/');
  if (local && moduleOf(target) === module) return true;
  return rules
    .filter((rule) => typeOnly || !rule.startsWith('type:'))
    .map((rule) => rule.replace('type:', ''))
    .some((rule) =>
      local ? target === `src/${rule}.ts` || target.startsWith(`src/${rule}/`) : isPackage(target, rule),
    );
}

function isPackage(target: string, name: string): boolean {
  return target === name || target.startsWith(name.endsWith('/') ? name : `${name}/`);
}

/** `src/chat/rooms.ts` belongs to `chat`, `src/app.ts` to `app`. */
function moduleOf(path: string): string {
  return path.split('/')[1]?.replace(/\.ts$/, '') ?? '';
}

function importersOf(path: string): string[] {
  return files.filter((file) => file.imports.some(({ target }) => target === path)).map((file) => file.path);
}

function filesWith(pattern: RegExp, place: RegExp = /./): string[] {
  return files.filter(({ path, code }) => place.test(path) && pattern.test(code)).map(({ path }) => path);
}

function isPartOfAnExport(file: SourceFile, name: string): boolean {
  const isType = new RegExp(`^export (type|interface) ${name}\\b`, 'm').test(file.code);
  return isType && (file.code.match(new RegExp(`\\b${name}\\b`, 'g')) ?? []).length > 1;
}
