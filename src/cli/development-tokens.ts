import { SignJWT } from 'jose';
import type { Config } from '../config.ts';
import { CommandError } from './command.ts';
import { loadSecrets } from './secrets.ts';

/** Whom a development token is for. */
export interface TokenSubject {
  readonly userId: number;
  readonly isAdmin: boolean;
  readonly ttlSeconds: number;
}

/** Makes tokens that a service with the same settings accepts. */
export type SignToken = (subject: TokenSubject) => Promise<string>;

/**
 * Signs (HS256) with the configured JWT_SECRET, else with the secret that the service keeps in DATA_DIR.
 * Throws a CommandError that says what to do when there is no such secret.
 */
export function developmentTokens(config: Pick<Config, 'auth' | 'dataDir'>): SignToken {
  return tokensSignedWith(secretOf(config), config.auth);
}

/** Signs (HS256) with that secret. */
export function tokensSignedWith(
  secret: string,
  { issuer, audience }: Pick<Config['auth'], 'issuer' | 'audience'>,
): SignToken {
  const key = new TextEncoder().encode(secret);
  return async ({ userId, isAdmin, ttlSeconds }) => {
    const token = new SignJWT({ user_id: userId, type: 'ACCESS', ...(isAdmin ? { role: 'admin' } : {}) })
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuedAt()
      .setExpirationTime(`${ttlSeconds}s`);
    if (issuer !== undefined) token.setIssuer(issuer);
    if (audience !== undefined) token.setAudience(audience);
    return await token.sign(key);
  };
}

function secretOf({ auth, dataDir }: Pick<Config, 'auth' | 'dataDir'>): string {
  if (auth.keys?.kind === 'secret') return auth.keys.secret;
  if (auth.keys !== undefined) {
    const setting = auth.keys.kind === 'jwks' ? 'JWT_JWKS_URL' : 'JWT_PUBLIC_KEY';
    throw new CommandError(
      `the service verifies tokens with ${setting}, so only the owner of the private key can sign them: get a token from there`,
    );
  }
  if (dataDir === 'memory:') {
    throw new CommandError(
      'DATA_DIR=memory: keeps no secret: set JWT_SECRET (32 bytes or more) for the service and for this command',
    );
  }
  const secrets = loadSecrets(dataDir);
  if (secrets === undefined) {
    throw new CommandError(
      `there is no secret in ${dataDir} yet: start the service once (npm start), or set DATA_DIR as it has it`,
    );
  }
  return secrets.jwtSecret;
}
