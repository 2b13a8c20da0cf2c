import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, createConnectRouter } from '@connectrpc/connect';
import {
  Health,
  type HealthCheckResponse,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../gen/health/v1/health_pb.ts';
import { ChatService } from '../gen/services/chat/v1/service_pb.ts';
import { TokensService } from '../gen/services/tokens/v1/service_pb.ts';
import { UsersService } from '../gen/services/users/v1/service_pb.ts';
import { pause } from '../lifecycle.ts';
import type { Logger } from '../logger.ts';
import { type RpcHandler, serveRouter } from './adapter.ts';

/** What the health service asks. */
export interface HealthDeps {
  /** The dependencies that can't be used now. Never rejects; cheap to ask often. */
  readonly failing: () => Promise<ReadonlySet<string>>;
  /** Aborts when the service begins to stop: from then on nothing is served. */
  readonly draining: AbortSignal;
  /** Aborts when open streams shall end. */
  readonly streamsEnd: AbortSignal;
  readonly logger: Logger;
}

/** How often a watched status is looked at. */
const WATCH_MS = 1_000;
/** Nobody has to show a token to watch, so only so many may. */
const MAX_WATCHERS = 1_000;
const MAX_REQUEST_BYTES = 1_024;

/** What a service can't do without; anything that fails counts for the empty name, which stands for the whole. */
const NEEDS: Readonly<Record<string, readonly string[] | 'everything'>> = {
  '': 'everything',
  // Calls go on without the broker and without Redis.
  [ChatService.typeName]: ['postgres', 'scylladb'],
  [TokensService.typeName]: ['postgres'],
  [UsersService.typeName]: ['postgres'],
};

/**
 * grpc.health.v1: `Check` and `Watch` for the whole and for each service, without a token.
 * NOT_SERVING comes first of all when the service stops: a watcher hears it before its stream ends.
 */
export function createHealthHandlers(deps: HealthDeps): ReadonlyMap<string, RpcHandler> {
  const watchers = new Set<AbortSignal>();
  const router = createConnectRouter({ readMaxBytes: MAX_REQUEST_BYTES });
  router.service(Health, {
    async check({ service }) {
      const status = await statusOf(deps, service);
      if (status === ServingStatus.SERVICE_UNKNOWN) throw new ConnectError('not_found', Code.NotFound);
      return respond(status);
    },
    async *watch({ service }, { signal }) {
      if (watchers.size >= MAX_WATCHERS) throw new ConnectError('overloaded', Code.ResourceExhausted);
      watchers.add(signal);
      // The signal, not the generator's end, is what is sure to come.
      signal.addEventListener('abort', () => watchers.delete(signal), { once: true });
      yield* watch(deps, service, signal);
    },
  });
  return serveRouter(router, deps.logger);
}

async function* watch(
  deps: HealthDeps,
  service: string,
  signal: AbortSignal,
): AsyncGenerator<HealthCheckResponse> {
  const end = AbortSignal.any([signal, deps.streamsEnd]);
  let told: ServingStatus | undefined;
  while (!end.aborted) {
    const status = await statusOf(deps, service);
    if (status !== told) yield respond(status);
    told = status;
    // Once it is draining nothing changes any more.
    await pause(WATCH_MS, deps.draining.aborted ? end : AbortSignal.any([end, deps.draining]));
  }
  if (deps.streamsEnd.aborted) throw new ConnectError('shutting_down', Code.Unavailable);
}

async function statusOf({ failing, draining }: HealthDeps, service: string): Promise<ServingStatus> {
  const needs = Object.hasOwn(NEEDS, service) ? NEEDS[service] : undefined;
  if (needs === undefined) return ServingStatus.SERVICE_UNKNOWN;
  if (draining.aborted) return ServingStatus.NOT_SERVING;
  const away = await failing();
  const isServing = needs === 'everything' ? away.size === 0 : needs.every((name) => !away.has(name));
  return isServing && !draining.aborted ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
}

function respond(status: ServingStatus): HealthCheckResponse {
  return create(HealthCheckResponseSchema, { status });
}
