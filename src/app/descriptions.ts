import packageJson from '../../package.json' with { type: 'json' };
import { tokensSignedWith } from '../cli/development-tokens.ts';
import type { Config } from '../config.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { createReflectionHandlers } from '../rpc/reflection.ts';
import { diagnosticsHandler } from '../server/docs/diagnostics.ts';
import { docsHandlers } from '../server/docs/docs.ts';
import type { HttpHandler } from '../server/exchange.ts';

/** What the descriptions stand on. */
export interface DescriptionsDeps {
  readonly config: Config;
  /** Signs tokens; undefined when the service only holds public keys. */
  readonly jwtSecret: string | undefined;
  readonly metrics: Pick<Metrics, 'activeConnections'>;
  /** Aborts when open streams shall end. */
  readonly streamsEnd: AbortSignal;
  readonly logger: Logger;
}

/** Whom the page's token is for: the first of the demo users. */
const DEMO_USER = 1;
const TOKEN_TTL_S = 3_600;

/**
 * What the service tells about itself, by path: its API (reflection, OpenAPI with a page to try it, proto files) as far as `PUBLIC_DOCS`
 * goes, and how the process is doing, which is never told in production.
 */
export function createDescriptions(deps: DescriptionsDeps): ReadonlyMap<string, HttpHandler> {
  const { config, metrics } = deps;
  const described = config.publicDocs
    ? [...createReflectionHandlers(deps), ...docsHandlers({ developmentToken: developmentToken(deps) })]
    : [];
  if (config.production) return new Map(described);
  const diagnostics = diagnosticsHandler({
    version: packageJson.version,
    streams: async () =>
      (await metrics.activeConnections.get()).values.reduce((sum, { value }) => sum + value, 0),
  });
  return new Map([...described, ['/api/chat/debug', diagnostics]]);
}

/** Only of a service that was filled with demo users: elsewhere, user 1 is somebody. */
function developmentToken({ config, jwtSecret }: DescriptionsDeps): (() => Promise<string>) | undefined {
  if (config.production || !config.demoData || jwtSecret === undefined) return undefined;
  const sign = tokensSignedWith(jwtSecret, config.auth);
  return () => sign({ userId: DEMO_USER, isAdmin: false, ttlSeconds: TOKEN_TTL_S });
}
