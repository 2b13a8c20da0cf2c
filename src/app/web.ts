import { demoUsers } from '../cli/demo-data.ts';
import { tokensSignedWith } from '../cli/development-tokens.ts';
import type { Config } from '../config.ts';
import type { HttpHandler } from '../server/exchange.ts';
import { type DemoSessions, webHandlers } from '../server/web/web.ts';

/** What the web chat stands on. */
export interface WebDeps {
  readonly config: Pick<Config, 'webUi' | 'production' | 'demoData' | 'auth'>;
  /** Signs tokens; undefined when the service only holds public keys. */
  readonly jwtSecret: string | undefined;
  /** Hex. */
  readonly masterKey: { readonly key: string; readonly iv: string };
}

const TOKEN_TTL_S = 3_600;

/** The web chat by path, as far as `WEB_UI` goes. One signs in as a demo user only where there are some, and never in production. */
export function createWeb(deps: WebDeps): ReadonlyMap<string, HttpHandler> {
  return deps.config.webUi ? webHandlers(demoSessions(deps)) : new Map();
}

function demoSessions({ config, jwtSecret, masterKey }: WebDeps): DemoSessions | undefined {
  if (config.production || !config.demoData || jwtSecret === undefined) return undefined;
  const sign = tokensSignedWith(jwtSecret, config.auth);
  return {
    users: demoUsers().map(({ id, name, avatar = '' }) => ({ id, name, avatar })),
    async open(userId) {
      const expiresAt = Date.now() + TOKEN_TTL_S * 1_000;
      const token = await sign({ userId, isAdmin: false, ttlSeconds: TOKEN_TTL_S });
      return { token, expiresAt, chatKey: masterKey.key, chatIv: masterKey.iv };
    },
  };
}
