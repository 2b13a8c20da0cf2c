import { createHash } from 'node:crypto';
import type { RedisConnection } from '../redis/redis-connection.ts';
import { type Decision, TOKEN, type TokenBuckets } from './token-buckets.ts';

/**
 * The rule of the buckets in the process, done in one piece by Redis and by its clock, so that all instances agree.
 *
 * A key holds what is missing and as of when, and lives until the bucket is full again, which it then is by not being there.
 * KEYS: one for each bucket. ARGV: the size of a token, then capacity and tokens a minute of each.
 * Answers the wait and the positions of the empty buckets, counted from 1.
 */
const SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local token = tonumber(ARGV[1])
local missing, empty, wait, refusedWait = {}, {}, 0, 0
for i = 1, #KEYS do
  local capacity, rate = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local level = redis.call('GET', KEYS[i])
  missing[i] = token
  if level then
    local was, at = string.match(level, '(%d+) (%d+)')
    -- The clock of a replica that took over may be behind.
    local passed = math.max(0, now - tonumber(at))
    missing[i] = math.max(0, tonumber(was) - passed * rate) + token
  end
  local over = missing[i] - capacity * token
  if over > 0 then
    empty[#empty + 1] = i
    refusedWait = math.max(refusedWait, math.ceil(over / rate))
  end
  wait = math.max(wait, math.ceil((over + token) / rate))
end
if #empty > 0 then return { refusedWait, unpack(empty) } end
for i = 1, #KEYS do
  local ttl = math.max(1, math.ceil(missing[i] / tonumber(ARGV[2 * i + 1])))
  redis.call('SET', KEYS[i], string.format('%.0f %.0f', missing[i], now), 'PX', ttl)
end
return { wait }
`;
const SHA = createHash('sha1').update(SCRIPT).digest('hex');

/**
 * Buckets that all instances with this Redis share. Keys are `chat:v1:limit:{owner}:name`; the braces keep the keys of an owner
 * in one slot of a cluster. Needs Redis 5 or newer.
 */
export function createRedisTokenBuckets(redis: RedisConnection): TokenBuckets {
  return {
    async take(owner, buckets) {
      const keys = buckets.map(({ name }) => `chat:v1:limit:{${owner}}:${name}`);
      const sizes = buckets.flatMap(({ capacity, perMinute }) => [capacity, perMinute]);
      const rest = [...keys, TOKEN, ...sizes];
      const answer = await redis.run(async (client) => {
        try {
          return await client.evalsha(SHA, keys.length, ...rest);
        } catch (error) {
          // A Redis that was just started does not know the script yet.
          if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
          return await client.eval(SCRIPT, keys.length, ...rest);
        }
      });
      return decisionOf(
        answer,
        buckets.map(({ name }) => name),
      );
    },
  };
}

function decisionOf(answer: unknown, names: readonly string[]): Decision {
  const [wait, ...empty] = Array.isArray(answer) ? answer.map(Number) : [];
  if (wait === undefined) throw new Error('Redis answered something else than a decision');
  return {
    allowed: empty.length === 0,
    waitMs: Math.max(0, wait),
    empty: empty.flatMap((position) => names[position - 1] ?? []),
  };
}
