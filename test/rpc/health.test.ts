import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { afterEach, describe, expect, inject, test } from 'vitest';
import { Health, HealthCheckResponse_ServingStatus as Status } from '../../src/gen/health/v1/health_pb.ts';
import { ChatService } from '../../src/gen/services/chat/v1/service_pb.ts';
import { TokensService } from '../../src/gen/services/tokens/v1/service_pb.ts';
import { UsersService } from '../../src/gen/services/users/v1/service_pb.ts';
import { PROTOCOLS, startTestApp, type TestApp, type TestAppOptions, transportOf } from '../support/app.ts';
import { type NatsServer, startNats } from '../support/nats-server.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const work of cleanups.splice(0).reverse()) await work();
});

async function start(options: TestAppOptions = {}): Promise<TestApp> {
  const app = await startTestApp({ embedded: true, ...options });
  cleanups.push(() => app.stop());
  return app;
}

async function startBroker(): Promise<NatsServer> {
  const nats = await startNats();
  cleanups.push(() => nats.stop());
  return nats;
}

/** What a watcher was told, and how its stream ended. */
function watching(url: string, service: string, signal?: AbortSignal) {
  const told: Status[] = [];
  const client = createClient(Health, transportOf(url, 'grpc'));
  const ended = (async () => {
    try {
      for await (const { status } of client.watch({ service }, signal === undefined ? {} : { signal })) {
        told.push(status);
      }
      return undefined;
    } catch (error) {
      return ConnectError.from(error).code;
    }
  })();
  return { told, ended };
}

describe('grpc.health.v1', () => {
  test('answers on every protocol, without a token', async () => {
    const { url } = await start();
    for (const protocol of PROTOCOLS) {
      const client = createClient(Health, transportOf(url, protocol));
      expect((await client.check({})).status, protocol).toBe(Status.SERVING);
    }
  });

  test('knows each service, and says so when it does not', async () => {
    const { url } = await start();
    const client = createClient(Health, transportOf(url, 'grpc'));
    for (const { typeName } of [ChatService, TokensService, UsersService]) {
      expect((await client.check({ service: typeName })).status, typeName).toBe(Status.SERVING);
    }
    await expect(client.check({ service: 'toString' })).rejects.toMatchObject({ code: Code.NotFound });
    const stopped = new AbortController();
    const { told, ended } = watching(url, 'no.such.Service', stopped.signal);
    await expect.poll(() => told).toEqual([Status.SERVICE_UNKNOWN]);
    stopped.abort();
    expect(await ended).toBe(Code.Canceled);
  });

  test('tells a watcher that the service stops before its stream ends', async () => {
    const app = await start();
    const chat = watching(app.url, ChatService.typeName);
    const all = watching(app.url, '');
    await expect.poll(() => [chat.told, all.told]).toEqual([[Status.SERVING], [Status.SERVING]]);
    await app.stop();
    expect(await Promise.all([chat.ended, all.ended])).toEqual([Code.Unavailable, Code.Unavailable]);
    expect([chat.told, all.told]).toEqual([
      [Status.SERVING, Status.NOT_SERVING],
      [Status.SERVING, Status.NOT_SERVING],
    ]);
  });

  test.skipIf(!inject('canStart').nats)(
    'the services go on without the broker, the whole does not',
    async () => {
      const nats = await startBroker();
      const { url } = await start({ broker: nats.url as `nats://${string}` });
      const all = watching(url, '');
      const chat = watching(url, ChatService.typeName);
      await expect.poll(() => [all.told, chat.told]).toEqual([[Status.SERVING], [Status.SERVING]]);
      await nats.kill();
      await expect.poll(() => all.told).toEqual([Status.SERVING, Status.NOT_SERVING]);
      expect((await fetch(`${url}/readyz`)).status).toBe(503);
      expect((await fetch(`${url}/readyz?essential`)).status).toBe(200);
      await nats.restart();
      await expect.poll(() => all.told).toEqual([Status.SERVING, Status.NOT_SERVING, Status.SERVING]);
      expect(chat.told).toEqual([Status.SERVING]);
    },
  );
});

describe.skipIf(!inject('canStart').nats)('readiness of the broker', () => {
  test('is that of publishing, not of the socket', async () => {
    const nats = await startBroker();
    const { url } = await start({ broker: nats.url as `nats://${string}` });
    const ready = async (query = ''): Promise<string> => await (await fetch(`${url}/readyz${query}`)).text();
    await expect.poll(() => ready()).toBe('Ok');
    nats.pause();
    await expect.poll(() => ready()).toBe('NATS connection is down');
    nats.resume();
    await expect.poll(() => ready()).toBe('Ok');
    expect(await ready('?verbose')).toMatch(/^Ok\npostgres: ok, [\d.]+ ms\nnats: ok, [\d.]+ ms$/);
  });
});
