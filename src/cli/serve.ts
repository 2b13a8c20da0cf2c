import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { type App, createApp } from '../app.ts';
import { type RunningConfig, readRunningConfig } from '../config/reload.ts';
import type { Config } from '../config.ts';
import { createLogger, type Logger } from '../logger.ts';
import { type BannerFacts, renderBanner } from './banner.ts';
import { runCommand } from './command.ts';
import { SERVE } from './commands/service.ts';
import { demoMessage } from './demo-data.ts';
import { onHangup, reloadSettings } from './hangup.ts';
import { usageOf } from './help.ts';

/**
 * Runs the service until SIGTERM or SIGINT, then stops it gracefully and answers 0; a second signal ends the process at once.
 * SIGHUP reloads what can be.
 * Answers 1 when it can't start, with the reason as a log line (wrong settings: as text on stderr).
 */
export async function runServe(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return await runCommand(usageOf(SERVE), async () => {
    const { values } = parseArgs({ args: [...argv], options: SERVE.options });
    const settings = readRunningConfig(env, values['config-file']);
    const { log, production } = settings.config;
    const logger = createLogger({ level: log.level, production });
    for (const warning of settings.warnings) logger.warn(warning);
    endOnUnexpectedErrors(logger);
    return await serve(settings, logger);
  });
}

async function serve(settings: RunningConfig, logger: Logger): Promise<number> {
  const { config } = settings;
  const { stopping, onSignal } = firstSignal(logger);
  const app = createApp(config, logger);
  const starting = app.start();
  onHangup(
    async () => {
      await starting;
      await reloadSettings({ app, settings, logger });
    },
    () => onSignal('SIGHUP'),
  );
  try {
    await starting;
  } catch (error) {
    logger.fatal(
      { err: error },
      `the service can't start: ${error instanceof Error ? error.message : String(error)}`,
    );
    return 1;
  }
  logger.info(app.address(), 'listening');
  if (!config.production && !stopping.aborted) {
    // Beside the log, which stays one JSON object a line. Nobody has to read it.
    process.stderr.on('error', () => {});
    process.stderr.write(renderBanner(await bannerFacts(app, config), process.stderr.isTTY));
  }
  if (!stopping.aborted) await once(stopping, 'abort');
  await app.stop();
  logger.info('stopped');
  return 0;
}

/** `stopping` aborts at the first signal; the second ends the process. */
function firstSignal(logger: Logger) {
  const stopping = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping.signal.aborted) process.exit(1);
    logger.info({ signal }, 'stopping');
    stopping.abort();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return { stopping: stopping.signal, onSignal };
}

/** Nothing is known about the state after an error that nobody caught: the supervisor starts a fresh process. */
function endOnUnexpectedErrors(logger: Logger): void {
  const onError = (error: unknown): void => {
    logger.fatal({ err: error }, 'unexpected error, the process ends');
    process.exit(1);
  };
  process.on('uncaughtException', onError);
  process.on('unhandledRejection', onError);
}

async function bannerFacts(app: App, config: Config): Promise<BannerFacts> {
  const embedded: string[] = [];
  const connected: string[] = [];
  const place = config.dataDir === 'memory:' ? 'in memory, nothing is kept' : `in ${config.dataDir}`;
  if (config.database.url === undefined) embedded.push(`Postgres (PGlite) ${place}`);
  else connected.push(`Postgres at ${withoutLogin(config.database.url)}`);
  const { roles, hosts } = config.scylla;
  if (roles !== undefined) {
    const isLeading = roles.reads && roles.writes && !roles.sync;
    connected.push(
      `Scylla at ${hosts.join(', ')} (${isLeading ? 'rooms and messages' : 'follows Postgres'})`,
    );
  }
  if (config.nats === undefined) embedded.push('event broker (in process)');
  else connected.push(`NATS at ${config.nats.servers.map(withoutLogin).join(', ')}`);
  if (config.notifications.url === undefined) embedded.push('push notifications (logged at debug level)');
  else connected.push(`notifications at ${withoutLogin(config.notifications.url)}`);
  const { keys } = config.auth;
  return {
    url: app.address().url,
    embedded,
    connected,
    hasWeb: config.webUi,
    hasDocs: config.publicDocs,
    makesTokens: keys === undefined ? config.dataDir !== 'memory:' : keys.kind === 'secret',
    example: await demoMessage(app.parts(), 'Hello from curl!').catch(() => undefined),
  };
}

function withoutLogin(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname === '/' ? '' : pathname}`;
}
