import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SETTINGS } from '../../src/config/settings.ts';
import { commandRunner } from '../support/commands.ts';

const { out, err, run, json } = commandRunner();
const folder = mkdtempSync(join(tmpdir(), 'chat-settings-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('config check', () => {
  it('is content with nothing, and with what is right', async () => {
    expect(await run(['config', 'check'])).toBe(0);
    expect(out).toEqual(['the settings are valid']);
    const file = write({
      server: { address: '127.0.0.1:9000' },
      nats: { addrs: [] },
      database: { connMaxIdleTime: '1s' },
    });
    expect(await run(['config', 'check', '--config-file', file])).toBe(0);
  });

  it('tells everything that is wrong at once, with what may have been meant', async () => {
    const file = write({ server: { adress: 'x' }, log: { level: 'loud' }, colour: 'blue' });
    expect(await run(['config', 'check'], { CONFIG_FILE: file, MAX_GROUP_MEMBERS: 'many' })).toBe(1);
    expect(out).toEqual(['4 errors']);
    const said = err.join('\n');
    expect(said).toContain('LOG_LEVEL: wrong: "loud"; allowed: trace, debug');
    expect(said).toContain('MAX_GROUP_MEMBERS: wrong: "many"');
    expect(said).toContain('server.adress: no setting has this key; did you mean server.address?');
    expect(said).toMatch(/colour: no setting has this key$/m);
  });

  it('warns of variables that nobody reads', async () => {
    expect(await run(['config', 'check', '--json'], { REDIS_HOTS: 'x' })).toBe(0);
    expect(json()).toEqual({ errors: [], warnings: ['REDIS_HOTS is unknown; did you mean REDIS_HOST?'] });
  });

  it('says that the file is no file', async () => {
    expect(await run(['config', 'check', '--config-file', join(folder, 'none.json'), '--json'])).toBe(1);
    expect(json()).toMatchObject({ errors: [{ name: 'CONFIG_FILE' }] });
  });
});

describe('config print', () => {
  it('shows every setting, and who says so', async () => {
    const file = write({ log: { level: 'warn' } });
    const env = {
      CONFIG_FILE: file,
      SCYLLA_TIMEOUT_MS: '4000',
      CASSANDRA_KEYSPACE: 'other',
      STREAM_BUFFER: '-1',
    };
    expect(await run(['config', 'print', '--sources', '--json'], env)).toBe(0);
    const settings = Object(json());
    expect(settings.map(({ name }: { name: string }) => name)).toEqual(Object.keys(SETTINGS));
    for (const expected of [
      { name: 'LOG_LEVEL', value: 'warn', source: 'file: log.level' },
      { name: 'SCYLLA_TIMEOUT_MS', value: '4000', source: 'environment' },
      { name: 'SCYLLA_KEYSPACE', value: 'other', source: 'environment: CASSANDRA_KEYSPACE' },
      { name: 'MAX_GROUP_MEMBERS', value: '100000', source: 'default' },
      { name: 'JWT_ISSUER', value: null, source: 'not set' },
      { name: 'STREAM_BUFFER', value: '(wrong)', source: 'environment' },
    ])
      expect(settings).toContainEqual(expected);
    expect(await run(['config', 'print', '--json'], env)).toBe(0);
    expect(json()).toMatchObject({ LOG_LEVEL: 'warn', JWT_ISSUER: null });
    expect(await run(['config', 'print', '--sources'], env)).toBe(0);
    expect(out.join('\n')).toMatch(/^LOG_LEVEL +warn +file: log\.level$/m);
  });

  it('shows no secret', async () => {
    const env = {
      JWT_SECRET: 'secret-'.padEnd(40, 'x'),
      CHAT_KEY: 'ab'.repeat(32),
      CHAT_IV: 'cd'.repeat(16),
      DATABASE_URL: 'postgres://chat:secret-word@db:5432/chat',
      REDIS_URL: 'redis://:secret-word@cache:6379',
      NATS_TOKEN: 'secret-word',
    };
    for (const argv of [[], ['--json'], ['--sources'], ['--sources', '--json']]) {
      expect(await run(['config', 'print', ...argv], env)).toBe(0);
      expect(out.join()).not.toMatch(/secret-|abab|cdcd/);
      expect(out.join()).toMatch(/CHAT_KEY\W+(value\W+)?\*\*\*/);
      expect(out.join()).toContain('postgres://db:5432/chat');
    }
    expect(await run(['config', 'check'], { ...env, CHAT_KEY: 'secret-word' })).toBe(1);
    expect(err.join()).not.toContain('secret-word');
  });
});

function write(content: unknown): string {
  const file = join(folder, 'config.json');
  writeFileSync(file, JSON.stringify(content));
  return file;
}
