import { Redis } from 'ioredis';
import { afterAll, afterEach, describe, expect, inject, test } from 'vitest';
import { openWorld, type World } from '../rpc/world.ts';
import { dropKeyspaces } from '../support/app.ts';
import { chooseStore } from '../support/store.ts';

const redisUrl = inject('redisUrl');
const missing = inject('cassandraContactPoint') === '' || inject('postgresUrl') === '';

describe.skipIf(missing)('GetRooms of a service whose rooms are in Scylla', () => {
  let world: World;
  afterEach(async () => await world?.close());
  afterAll(dropKeyspaces);

  /** Of its cache, by status. */
  async function lookUps(): Promise<Readonly<Record<string, number>>> {
    const page = await (await fetch(`${world.url}/metrics`)).text();
    const lines = page.matchAll(/^chat_cache_operations_total\{operation="get",status="(\w+)"\} (\d+)$/gm);
    return Object.fromEntries([...lines].map(([, status = '', count]) => [status, Number(count)]));
  }

  const places: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
    ['in the process', {}],
    ...(redisUrl === '' ? [] : [['in Redis', { REDIS_URL: redisUrl, REDIS_TIMEOUT_MS: '5000' }] as const]),
  ];
  test.each(places)('finds what it has shown before %s, and shows what is new', async (_where, env) => {
    chooseStore('scylla');
    world = await openWorld(env);
    const [ana, bea] = await world.people(2);
    const { id } = await ana.p2p(bea);
    await ana.chat.sendMessage({ roomId: id, content: 'b25l' });
    const list = async () =>
      (await bea.chat.getRooms({})).items.map(({ lastMessage }) => lastMessage?.content);
    expect(await list()).toEqual(['b25l']);
    await expect.poll(async () => [await list(), (await lookUps()).hit ?? 0]).toEqual([['b25l'], 1]);
    await ana.chat.sendMessage({ roomId: id, content: 'dHdv' });
    expect(await list()).toEqual(['dHdv']);
    expect(await lookUps()).toMatchObject({ stale: 1 });
    if (env.REDIS_URL === undefined) return;
    const redis = new Redis(env.REDIS_URL);
    expect(await redis.exists(`chat:v1:cache:{${bea.id}}:${id}`)).toBe(1);
    redis.disconnect();
  });
});
