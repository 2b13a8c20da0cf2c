import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterAll, describe, expect, it } from 'vitest';
import { clockFinding } from '../../../src/cli/doctor/clock.ts';
import { descriptorFinding } from '../../../src/cli/doctor/machine.ts';
import { within } from '../../../src/cli/doctor/probe.ts';
import { runDoctor } from '../../../src/cli/doctor.ts';
import { lockDirectory } from '../../../src/repository/postgres/data-directory-lock.ts';
import { doctorRunner, type Found, failures, pick } from '../../support/doctor.ts';

const { err, doctor } = doctorRunner();
const folder = mkdtempSync(join(tmpdir(), 'chat-doctor-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('settings', () => {
  it('are shown with their values and sources', async () => {
    const file = join(folder, 'config.json');
    writeFileSync(
      file,
      JSON.stringify({ 'log.level': 'warn', STREAM_BUFFER: 7, cache: { redis: { isCluster: false } } }),
    );
    const env = {
      DATA_DIR: folder,
      LOG_LEVEL: 'error',
      CASSANDRA_KEYSPACE: 'other',
      TRUSTED_PROXIES: '10.0.0.0/8',
    };
    const { code, findings } = await doctor(env, '--config-file', file);
    expect(code).toBe(0);
    const shown = (name: string): unknown => pick(findings, 'settings', name).data;
    expect(shown('LOG_LEVEL')).toEqual({ value: 'error', source: 'environment' });
    expect(shown('SCYLLA_KEYSPACE')).toEqual({ value: 'other', source: 'environment: CASSANDRA_KEYSPACE' });
    expect(shown('STREAM_BUFFER')).toEqual({ value: '7', source: 'file: STREAM_BUFFER' });
    expect(shown('REDIS_CLUSTER')).toEqual({ value: 'false', source: 'file: cache.redis.isCluster' });
    expect(shown('MAX_REQUEST_BYTES')).toEqual({ value: '65536', source: 'default' });
    expect(shown('SERVER_ADDRESS')).toEqual({ value: '127.0.0.1:8080', source: 'default' });
    expect(shown('RATE_LIMIT_USER_PER_MINUTE')).toEqual({ value: '0', source: 'default' });
    expect(shown('CHAT_KEY')).toEqual({
      value: '(hidden)',
      source: `will be made at first start, and kept in ${folder}`,
    });
    expect(shown('JWT_ISSUER')).toEqual({ value: '–', source: 'not set' });
  });

  it('that are wrong are all named, and the rest is still told', async () => {
    const env = {
      LOG_LEVEL: 'loud',
      STREAM_BUFFER: '0',
      JWT_SECRET: 'short',
      CHAT_KEY: 'ab'.repeat(32),
      DATABASE_URL: 'mysql://me:secret-word@db/chat',
      CHAT_KEYS: 'x',
    };
    const { code, findings } = await doctor(env);
    expect(code).toBe(1);
    expect(failures(findings)).toEqual(
      ['DATABASE_URL', 'LOG_LEVEL', 'JWT_SECRET', 'STREAM_BUFFER', 'CHAT_IV']
        .map((name) => `settings ${name}`)
        .sort((a, b) => order(findings, a) - order(findings, b)),
    );
    expect(pick(findings, 'settings', 'STREAM_BUFFER')).toMatchObject({
      text: 'wrong: "0"',
      todo: 'allowed: 1 to 100000 events',
    });
    expect(pick(findings, 'settings', 'CHAT_KEYS')).toMatchObject({
      state: 'warn',
      text: 'CHAT_KEYS is unknown; did you mean CHAT_KEY?',
    });
    expect(pick(findings, 'settings', 'STREAM_HEARTBEAT_MS').state).toBe('ok');
    expect(pick(findings, 'machine', 'node').text).toContain(process.versions.node);
    // A wrong address is no embedded database, and nobody is asked in its place.
    expect(findings.filter(({ group }) => group === 'postgres')).toEqual([]);
  });

  it('of production that are missing are named', async () => {
    const { code, findings } = await doctor({ MODE: 'PROD' });
    expect(code).toBe(1);
    for (const name of ['DATABASE_URL', 'NATS_URL', 'JWT_JWKS_URL', 'CHAT_KEY', 'CHAT_IV'])
      expect(failures(findings)).toContain(`settings ${name}`);
  });

  function order(findings: readonly Found[], name: string): number {
    return findings.findIndex(({ state, ...found }) => state === 'fail' && `settings ${found.name}` === name);
  }
});

describe('arguments', () => {
  it('that make no sense are refused with the usage', async () => {
    expect(await runDoctor(['--fix'], {})).toBe(2);
    expect(err.join('\n')).toContain('Usage: npx connect-chat doctor');
  });
});

describe('a probe', () => {
  const probe = { group: 'nats', name: 'server', todo: 'start it' } as const;

  it('that gets no answer ends in time', async () => {
    const silent = { ...probe, ask: () => new Promise<never>(() => undefined) };
    expect(await within(silent, 10)).toEqual([
      { ...probe, state: 'fail', text: 'did not answer within 10 ms' },
    ]);
  });

  it('that fails quotes no login', async () => {
    const failing = {
      ...probe,
      ask: () => Promise.reject(new Error("can't parse nats://me:secret-word@host\n at stack")),
    };
    const [finding] = await within(failing);
    expect(finding).toMatchObject({ state: 'fail', text: "can't be used: can't parse nats://host" });
  });
});

describe('this machine', () => {
  const at = (serverAt: number) => [
    { sentAt: 1_000, receivedAt: 1_400, serverAt: serverAt + 5_000 },
    { sentAt: 1_000, receivedAt: 1_010, serverAt },
  ];

  it('and another clock are compared by the quickest answer', () => {
    expect(clockFinding('redis', at(1_005))).toMatchObject({
      state: 'ok',
      data: { offsetMs: 0, uncertaintyMs: 5 },
    });
    // As far as the way took, nobody can tell.
    expect(clockFinding('redis', at(1_005 + 504)).state).toBe('ok');
    expect(clockFinding('redis', at(1_005 + 700))).toMatchObject({
      state: 'warn',
      text: '700 ms ahead of this machine',
    });
    expect(clockFinding('redis', at(1_005 - 6_000))).toMatchObject({
      state: 'fail',
      text: '6.0 s behind this machine',
    });
  });

  it('may allow too few open files', () => {
    expect(descriptorFinding(1_024, 20)).toMatchObject({
      state: 'warn',
      text: '1024 open files: enough for 904 connections, the server takes 50000',
    });
    expect(descriptorFinding(50_120, 20).state).toBe('ok');
    expect(descriptorFinding(50_119, 20).state).toBe('warn');
  });

  it('has a folder for embedded data that has to be one', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    const { code, findings } = await doctor({ DATA_DIR: file });
    expect(code).toBe(1);
    expect(pick(findings, 'data', 'folder')).toMatchObject({ state: 'fail', text: `${file} is no folder` });
    expect(pick((await doctor({})).findings, 'data', 'folder').state).toBe('warn');
  });

  it('may run a service whose data it leaves alone', async () => {
    const dataDir = mkdtempSync(join(folder, 'used-'));
    expect(pick((await doctor({ DATA_DIR: dataDir })).findings, 'data', 'database').text).toContain(
      'not in use',
    );
    const unlock = lockDirectory(dataDir, pino({ level: 'silent' }));
    const { findings } = await doctor({ DATA_DIR: dataDir });
    unlock();
    expect(pick(findings, 'data', 'database')).toMatchObject({
      text: expect.stringContaining(`in use by process ${process.pid}`),
      data: { pid: process.pid },
    });
  });
});
