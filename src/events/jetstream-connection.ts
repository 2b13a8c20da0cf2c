import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { type ConnectionOptions, connect, type NatsConnection } from '@nats-io/transport-node';
import type { Service } from '../lifecycle.ts';
import { aborted, pause } from '../lifecycle.ts';
import type { Logger } from '../logger.ts';

/** Multiple filters of a consumer and compression need it. */
const OLDEST_SERVER = [2, 10] as const;
const RETRY_MS = 250;
/** How long one request to the server may take. */
const REQUEST_TIMEOUT_MS = 3_000;

/** Where NATS is, and who we are there. */
export interface NatsOptions {
  /** `nats://host:port`; a user and password in the first one that has them are used unless `user` or `token` is set. */
  readonly servers: readonly string[];
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
  /** JetStream domain. */
  readonly jsDomain?: string | undefined;
  readonly logger: Logger;
}

/** The time between a connect and the next disconnect. What is held on the server ends with it. */
export interface NatsSession {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  /** Prefix of JetStream's request subjects. */
  readonly api: string;
  readonly ended: AbortSignal;
}

/**
 * A connection to NATS that is made, and made again, in the background for ever.
 *
 * Invariants:
 * - A session exists only while the connection stands and the server is new enough; it ends before the next one begins.
 * - Subscriptions made on a connection survive its sessions; requests do not.
 */
export class NatsLink implements Service {
  readonly #options: NatsOptions;
  readonly #stopping = new AbortController();
  readonly #onConnection: (nc: NatsConnection) => void;
  #nc: NatsConnection | undefined;
  #session: { readonly session: NatsSession; readonly end: AbortController } | undefined;
  #next = Promise.withResolvers<NatsSession>();
  #problem = 'NATS: not connected yet';
  #running: Promise<void> | undefined;

  /** `onConnection` is called for each new connection, before its first session: the place for subscriptions. */
  constructor(options: NatsOptions, onConnection: (nc: NatsConnection) => void) {
    this.#options = options;
    this.#onConnection = onConnection;
  }

  /** Returns at once. */
  async start(): Promise<void> {
    if (!this.#stopping.signal.aborted) this.#running ??= this.#run();
  }

  /** Sends what was written, then closes; what is still unsent at the deadline is dropped. */
  async stop(deadline: AbortSignal = AbortSignal.timeout(REQUEST_TIMEOUT_MS)): Promise<void> {
    const nc = this.#session === undefined ? undefined : this.#nc;
    this.#stopping.abort();
    this.#endSession('NATS: closed');
    await Promise.race([nc?.drain().catch(() => undefined), aborted(deadline)]);
    await this.#nc?.close().catch(() => undefined);
    await Promise.race([this.#running, aborted(deadline)]);
  }

  /** The present session; undefined while there is none. */
  get session(): NatsSession | undefined {
    return this.#session?.session;
  }

  /** Why there is no session; undefined while there is one. */
  get problem(): string | undefined {
    return this.#session === undefined ? this.#problem : undefined;
  }

  /** The present or the next session; undefined once `signal` aborts or the link is stopped. */
  async whenUp(signal: AbortSignal): Promise<NatsSession | undefined> {
    const stop = AbortSignal.any([signal, this.#stopping.signal]);
    if (stop.aborted) return undefined;
    if (this.#session !== undefined) return this.#session.session;
    return await Promise.race([this.#next.promise, aborted(stop)]);
  }

  async #run(): Promise<void> {
    const stop = this.#stopping.signal;
    while (!stop.aborted) {
      try {
        const nc = await connect(connectionOptions(this.#options));
        this.#nc = nc;
        if (!stop.aborted) await this.#use(nc);
        await nc.close();
      } catch (error) {
        this.#report(`NATS: ${error instanceof Error ? error.message : String(error)}`);
      }
      await pause(RETRY_MS, stop);
    }
  }

  /** Lives with one connection until it is closed for good. */
  async #use(nc: NatsConnection): Promise<void> {
    this.#onConnection(nc);
    await this.#beginSession(nc);
    for await (const status of nc.status()) {
      if (status.type === 'disconnect') this.#endSession('NATS: connection lost');
      if (status.type === 'reconnect') await this.#beginSession(nc);
      if (status.type === 'error') this.#options.logger.warn({ err: status.error }, 'NATS refused something');
    }
    this.#endSession('NATS: connection closed');
  }

  async #beginSession(nc: NatsConnection): Promise<void> {
    const version = nc.info?.version ?? 'unknown';
    if (!isRecent(version)) {
      this.#report(`NATS: server ${version} is too old, ${OLDEST_SERVER.join('.')} or newer is needed`);
      return;
    }
    const { jsDomain } = this.#options;
    const jsm = await jetstreamManager(nc, {
      checkAPI: false,
      timeout: REQUEST_TIMEOUT_MS,
      ...(jsDomain === undefined ? {} : { domain: jsDomain }),
    });
    if (this.#stopping.signal.aborted) return;
    const end = new AbortController();
    const api = jsDomain === undefined ? '$JS.API' : `$JS.${jsDomain}.API`;
    const session = { nc, jsm, api, ended: end.signal };
    this.#session = { session, end };
    this.#problem = '';
    this.#options.logger.info({ server: nc.getServer(), version }, 'connected to NATS');
    this.#next.resolve(session);
  }

  #endSession(why: string): void {
    const ended = this.#session;
    if (ended === undefined) return;
    this.#session = undefined;
    this.#next = Promise.withResolvers<NatsSession>();
    this.#report(why);
    ended.end.abort();
  }

  /** Logs a problem once, however often it repeats. */
  #report(problem: string): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    if (!this.#stopping.signal.aborted) this.#options.logger.error({ problem }, 'NATS is not usable');
  }
}

/** The answer to a request, or a rejection as soon as the session ends: the client alone would wait for the timeout. */
export async function within<T>(session: NatsSession, request: Promise<T>): Promise<T> {
  const lost = Promise.withResolvers<never>();
  const end = (): void => lost.reject(new Error('NATS: connection lost'));
  session.ended.addEventListener('abort', end);
  try {
    return await Promise.race([request, lost.promise]);
  } finally {
    session.ended.removeEventListener('abort', end);
  }
}

function isRecent(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > OLDEST_SERVER[0] || (major === OLDEST_SERVER[0] && minor >= OLDEST_SERVER[1]);
}

/** As every connection of the service is made. */
export function connectionOptions(options: Omit<NatsOptions, 'logger'>): ConnectionOptions {
  const { user, password, token } = credentials(options);
  return {
    servers: options.servers.map((server) => server.replace(/\/\/[^/@]*@/, '//')),
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { pass: password }),
    ...(token === undefined ? {} : { token }),
    ...(options.servers.some((server) => server.startsWith('tls:')) ? { tls: {} } : {}),
    name: 'chat',
    timeout: 2_000,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RETRY_MS,
    // A password that is wrong today may be right after the next rotation: keep trying.
    ignoreAuthErrorAbort: true,
    pingInterval: 5_000,
    noAsyncTraces: true,
  };
}

function credentials(options: Omit<NatsOptions, 'logger'>): Pick<NatsOptions, 'user' | 'password' | 'token'> {
  if (options.user !== undefined || options.token !== undefined) return options;
  for (const server of options.servers) {
    if (!URL.canParse(server)) continue;
    const { username, password } = new URL(server);
    if (username === '') continue;
    const user = decodeURIComponent(username);
    return password === '' ? { token: user } : { user, password: decodeURIComponent(password) };
  }
  return {};
}
