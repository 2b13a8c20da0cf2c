import pino from 'pino';
import { onTestFinished } from 'vitest';
import { createWeb } from '../../../src/app/web.ts';
import { loadConfig } from '../../../src/config.ts';
import { createCors } from '../../../src/server/cors.ts';
import { createHttpServer } from '../../../src/server/http-server.ts';

/** Serves the web chat that a service with these settings has until the test ends, and answers its address. */
export async function serveWeb(env: Readonly<Record<string, string>>): Promise<string> {
  const { config } = loadConfig(env);
  const routes = createWeb({
    config,
    jwtSecret: config.auth.keys?.kind === 'secret' ? config.auth.keys.secret : undefined,
    masterKey: { key: 'ab'.repeat(32), iv: 'cd'.repeat(16) },
  });
  const logger = pino({ level: 'silent' });
  const server = createHttpServer({ host: '127.0.0.1', port: 0, cors: createCors([]), routes, logger });
  onTestFinished(() => server.stop());
  await server.start();
  return server.address().url;
}
