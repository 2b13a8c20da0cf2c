import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectNats } from '@nats-io/transport-node';
import { Redis } from 'ioredis';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { interpolate, makeEnv, readCompose } from '../support/compose-file.ts';
import { findNats } from '../support/nats-server.ts';
import { freePort } from '../support/ports.ts';
import { end, untilPrinted } from '../support/server-process.ts';

/** A folder for this test. */
function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'chat-deploy-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** docker-compose.yml with the variables of a made `.env`. */
function composeWith(more: Readonly<Record<string, string>> = {}) {
  return interpolate(readCompose(), { ...makeEnv(), ...more }).services;
}

describe.runIf(inject('canStart').nats)('the broker of docker-compose.yml', () => {
  test.each(['123', '1e5', 'with # and }', undefined])('takes the password %s, and no other', async (own) => {
    const { app, nats } = composeWith(own === undefined ? {} : { NATS_PASSWORD: own });
    const { NATS_USER: user = '', NATS_PASSWORD: pass = '' } = app?.environment ?? {};
    const folder = scratch();
    const config = join(folder, 'nats.conf');
    const [port, monitoring] = [await freePort(), await freePort()];
    const health = new URL(nats?.healthcheck?.test.at(-1) ?? '');
    // This machine has no /data, and the port may be taken.
    const text = readFileSync('deploy/nats/nats.conf', 'utf8')
      .replace('"/data"', JSON.stringify(folder))
      .replace(`"${health.host}"`, `"127.0.0.1:${monitoring}"`);
    writeFileSync(config, text);
    const server = spawn(findNats() ?? '', ['-c', config, '-a', '127.0.0.1', '-p', String(port)], {
      env: { ...process.env, ...nats?.environment },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    onTestFinished(() => end(server, 'SIGKILL'));
    await untilPrinted(server, 'Server is ready');
    const servers = `127.0.0.1:${port}`;
    const connection = await connectNats({ servers, user, pass });
    expect(connection.info?.jetstream).toBe(true);
    await connection.close();
    await expect(connectNats({ servers, user, pass: 'another' })).rejects.toThrow(/[Aa]uthorization/);
    await expect(connectNats({ servers })).rejects.toThrow(/[Aa]uthorization/);

    const answer = await fetch(`http://127.0.0.1:${monitoring}${health.pathname}${health.search}`);
    expect(answer.status).toBe(200);
  });
});

describe.runIf(inject('canStart').redis)('the Redis of docker-compose.yml', () => {
  test('starts by its command, wants the password, and forgets the oldest when it is full', async () => {
    const { app, redis } = composeWith();
    const [shell = '', flags = '', script = ''] = redis?.command ?? [];
    const port = await freePort();
    const server = spawn(
      shell,
      [flags, script.replace('redis-server -', `redis-server - --bind 127.0.0.1 --port ${port}`)],
      { cwd: scratch(), env: { ...process.env, ...redis?.environment }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    onTestFinished(() => end(server, 'SIGKILL'));
    await untilPrinted(server, 'Ready to accept connections');
    const options = { host: '127.0.0.1', port, retryStrategy: null };
    const client = new Redis({ ...options, password: app?.environment?.REDIS_PASSWORD ?? '' });
    onTestFinished(() => client.disconnect());
    expect(await client.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'allkeys-lru']);
    expect(await client.config('GET', 'save')).toEqual(['save', '']);
    expect(Number(((await client.config('GET', 'maxmemory')) as string[])[1])).toBe(192 * 1024 * 1024);
    const stranger = new Redis(options);
    stranger.on('error', () => undefined);
    onTestFinished(() => stranger.disconnect());
    await expect(stranger.ping()).rejects.toThrow(/NOAUTH/);
  });
});
