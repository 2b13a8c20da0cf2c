import { createActiveUsers } from '../auth/active-users.ts';
import type { TokenVerifier } from '../auth/token-verifier.ts';
import type { Chat } from '../chat/chat.ts';
import type { Config } from '../config.ts';
import type { Service } from '../lifecycle.ts';
import type { Limits } from '../limits/limits.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { UsersRepository } from '../repository/users-repository.ts';
import { createRest, WEB_SOCKET_PATH } from '../rest/rest.ts';
import type { ClientIdCookie } from '../rest/universal-call.ts';
import { type AdapterDeps, createRpcHandlers, createRpcRouter } from '../rpc/adapter.ts';
import { createHealthHandlers } from '../rpc/health.ts';
import { createRoutes } from '../rpc/routes.ts';
import { createClientAddress } from '../server/client-address.ts';
import { createCors } from '../server/cors.ts';
import type { HttpHandler } from '../server/exchange.ts';
import { healthHandler, readinessHandler } from '../server/health.ts';
import { createHttpServer, type ListenAddress, type ServerLimits } from '../server/http-server.ts';
import { metricsHandler } from '../server/metrics.ts';
import { failingOf, type Readiness } from '../server/readiness.ts';
import type { Streams } from '../streams/streams.ts';
import type { Tracing } from '../tracing/tracing.ts';
import { createDescriptions } from './descriptions.ts';
import { createWeb } from './web.ts';

/** The ports that the service listens on. */
export interface Front extends Service {
  /** Of the calls; throws before it listens. */
  address(): ListenAddress;
  /** Of the metrics: the same, unless they have a port of their own. */
  metricsAddress(): ListenAddress;
}

/** What the ports stand on. */
export interface FrontDeps {
  readonly config: Config;
  readonly logger: Logger;
  readonly chat: Chat;
  readonly streams: Streams;
  readonly users: UsersRepository;
  readonly verifier: Pick<TokenVerifier, 'verify'>;
  /** Signs tokens; undefined when the service only holds public keys. */
  readonly jwtSecret: string | undefined;
  /** Opens room keys: for the demo users of the web chat. */
  readonly masterKey: { readonly key: string; readonly iv: string };
  readonly limits: Limits;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  /** Undefined: nothing is traced. */
  readonly tracing: Tracing | undefined;
  readonly serverLimits: Partial<ServerLimits> | undefined;
}

const STOP_MS = 10_000;
/** Of a stop, for running requests: the rest is for what they left in the outbox. */
const REQUESTS_STOP_MS = 5_000;
const IDLE_HEARTBEATS = 3;
const MIN_IDLE_MS = 90_000;

/** Everything that others connect to. Stopping it: not ready, no new streams, open ones end with `unavailable`, running requests finish. */
export function createFront(deps: FrontDeps): Front {
  const { config, logger, streams, readiness } = deps;
  const draining = new AbortController();
  const streamsEnd = new AbortController();
  const own = config.metrics.enabled && config.metrics.port !== undefined;
  const metricsRoutes: [string, HttpHandler][] = config.metrics.enabled
    ? [['/metrics', metricsHandler(deps.metrics, logger)]]
    : [];
  const rpc = rpcDeps(deps, draining.signal, streamsEnd.signal);
  const router = createRpcRouter(rpc);
  const server = createHttpServer({
    ...config.server,
    cors: createCors(config.corsOrigins),
    routes: new Map<string, HttpHandler>([
      ...createRpcHandlers(rpc, router),
      ...createHealthHandlers({
        failing: async () => failingOf(await readiness.report()),
        draining: draining.signal,
        streamsEnd: streamsEnd.signal,
        logger,
      }),
      ...createDescriptions({ ...deps, streamsEnd: streamsEnd.signal }),
      ...createWeb(deps),
      ['/health', healthHandler()],
      ['/readyz', readinessHandler(readiness, draining.signal)],
      ...(own ? [] : metricsRoutes),
    ]),
    find: createRest({ ...rpc, router, cookie: clientIdCookie(config) }),
    webSocketPath: WEB_SOCKET_PATH,
    logger,
    limits: {
      idleTimeoutMs: Math.max(MIN_IDLE_MS, IDLE_HEARTBEATS * config.streams.heartbeatMs),
      ...deps.serverLimits,
    },
  });
  const metricsServer = own
    ? createHttpServer({
        host: config.server.host,
        port: config.metrics.port ?? 0,
        cors: createCors([]),
        routes: new Map(metricsRoutes),
        logger,
      })
    : undefined;
  return {
    address: () => server.address(),
    metricsAddress: () => (metricsServer ?? server).address(),
    async start() {
      await metricsServer?.start();
      try {
        await server.start();
      } catch (error) {
        await metricsServer?.stop();
        throw error;
      }
    },
    async stop(deadline = AbortSignal.timeout(STOP_MS)) {
      draining.abort();
      await streams.stop(deadline);
      // Whatever is still open after that: streams that were just opening, clients that don't read.
      streamsEnd.abort();
      await server.stop(AbortSignal.any([deadline, AbortSignal.timeout(REQUESTS_STOP_MS)]));
      await metricsServer?.stop(AbortSignal.timeout(0));
    },
  };
}

function clientIdCookie({ auth }: Config): ClientIdCookie {
  return { name: auth.clientIdCookie, secure: auth.secureCookies, domain: auth.cookieDomain };
}

function rpcDeps(deps: FrontDeps, draining: AbortSignal, streamsEnd: AbortSignal): AdapterDeps {
  const { config, logger, chat, streams, users, verifier, limits, metrics } = deps;
  const { sessionCookie, clientIdCookie } = config.auth;
  return {
    routes: createRoutes({ chat, streams, logger }),
    maxRequestBytes: config.limits.maxRequestBytes,
    verifier,
    limits,
    clientAddress: createClientAddress(config.trustedProxies),
    activeUsers: createActiveUsers(users),
    cookies: { session: sessionCookie, clientId: clientIdCookie },
    draining,
    streamsEnd,
    logger,
    metrics,
    tracing: deps.tracing,
  };
}
