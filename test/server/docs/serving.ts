import * as http from 'node:http';
import { text } from 'node:stream/consumers';
import pino from 'pino';
import { onTestFinished } from 'vitest';
import { createDescriptions } from '../../../src/app/descriptions.ts';
import { loadConfig } from '../../../src/config.ts';
import { createMetrics } from '../../../src/metrics/metrics.ts';
import { createCors } from '../../../src/server/cors.ts';
import { createHttpServer } from '../../../src/server/http-server.ts';
import { TEST_JWT_SECRET } from '../../support/app.ts';

/** Settings of a service in production that has demo users all the same. */
export const PRODUCTION = {
  MODE: 'PROD',
  DATABASE_URL: 'postgres://chat:pw@db/chat',
  NATS_URL: 'nats://broker:4222',
  JWT_SECRET: TEST_JWT_SECRET,
  DEMO_DATA: 'true',
  CHAT_KEY: 'ab'.repeat(32),
  CHAT_IV: 'cd'.repeat(16),
};

/** Serves the descriptions that a service with these settings has until the test ends, and answers its address. */
export async function serve(env: Readonly<Record<string, string>>): Promise<string> {
  const { config } = loadConfig(env);
  const logger = pino({ level: 'silent' });
  const routes = createDescriptions({
    config,
    jwtSecret: config.auth.keys?.kind === 'secret' ? config.auth.keys.secret : undefined,
    metrics: createMetrics(),
    streamsEnd: new AbortController().signal,
    logger,
  });
  const server = createHttpServer({ host: '127.0.0.1', port: 0, cors: createCors([]), routes, logger });
  onTestFinished(() => server.stop());
  await server.start();
  return server.address().url;
}

/** Asks for a path as it is, with headers that `fetch` would not send. */
export async function get(
  url: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number | undefined; readonly body: string }> {
  return await new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    http
      .get({ hostname, port, path, headers }, (response) => {
        text(response).then((body) => resolve({ status: response.statusCode, body }), reject);
      })
      .on('error', reject);
  });
}
