import { createSecretKey, hash } from 'node:crypto';
import { errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose';
import { ChatError } from '../chat/errors.ts';
import type { AuthConfig, TokenKeys } from '../config.ts';
import type { Logger } from '../logger.ts';
import { fetchKeySet, KeySet } from './key-set.ts';
import { parsePublicKey } from './public-key.ts';

/** What a verified token proves. */
export interface Identity {
  readonly userId: number;
  /** The token carries `role` = `admin`. */
  readonly isAdmin: boolean;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Turns tokens into identities (extensions 6). */
export interface TokenVerifier {
  /**
   * Rejects with `invalid_token` for every token that proves nothing, and with `internal_server_error` when the keys
   * can't be had. Resolves at once for a token that was verified within the last minute.
   */
  verify(token: string): Promise<Identity>;
  /** Resolves when the keys are at hand; rejects when they can't be had. Nobody has to ask. */
  load(): Promise<void>;
}

/** What tokens are held to. */
export interface VerifierOptions extends Pick<AuthConfig, 'issuer' | 'audience'> {
  readonly keys: TokenKeys;
}

/** Tokens are compared with the clock this much loosely, seconds. */
const CLOCK_TOLERANCE_S = 5;
const ASYMMETRIC = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'];
const MAX_INT32 = 2_147_483_647;
/** A longer one is not read at all. */
const MAX_TOKEN_CHARS = 8192;

/**
 * Verifies tokens with the configured key; the algorithm is decided by the key, never by the token.
 * Verified tokens are remembered by hash for at most a minute and never beyond their expiry, 10,000 at most:
 * checking a signature costs more than all the rest of a small call.
 */
export function createTokenVerifier(options: VerifierOptions, logger: Logger): TokenVerifier {
  const keys = keysOf(options.keys, logger);
  const check = signatureCheck(keys.verify);
  const claims: JWTVerifyOptions = {
    clockTolerance: CLOCK_TOLERANCE_S,
    requiredClaims: ['exp'],
    ...(options.issuer === undefined ? {} : { issuer: options.issuer }),
    ...(options.audience === undefined ? {} : { audience: options.audience }),
  };
  const known = new RecentTokens();
  return {
    load: keys.load,
    async verify(token) {
      if (token === '' || token.length > MAX_TOKEN_CHARS) throw new ChatError('invalid_token');
      const key = hash('sha256', token, 'base64');
      const recent = known.get(key);
      if (recent !== undefined) return recent;
      const identity = identityOf(await check(token, claims));
      known.set(key, identity);
      return identity;
    },
  };
}

type Check = (token: string, claims: JWTVerifyOptions) => Promise<JWTPayload>;

function signatureCheck(verify: Check): Check {
  return async (token, claims) => {
    try {
      return await verify(token, claims);
    } catch (cause) {
      // jose names everything that is wrong with a token or its key; anything else is our own trouble.
      const reason = cause instanceof errors.JOSEError ? 'invalid_token' : 'internal_server_error';
      throw new ChatError(reason, { cause });
    }
  };
}

function keysOf(keys: TokenKeys, logger: Logger): { readonly verify: Check; load(): Promise<void> } {
  const atHand = async (): Promise<void> => {};
  switch (keys.kind) {
    case 'jwks': {
      const set = new KeySet(fetchKeySet(keys.url), logger);
      return {
        load: () => set.load(),
        verify: async (token, claims) =>
          (await jwtVerify(token, set.get, { ...claims, algorithms: ASYMMETRIC })).payload,
      };
    }
    case 'publicKey': {
      const { key, algorithms } = parsePublicKey(keys.pem);
      return {
        load: atHand,
        verify: async (token, claims) =>
          (await jwtVerify(token, key, { ...claims, algorithms: [...algorithms] })).payload,
      };
    }
    case 'secret': {
      const key = createSecretKey(keys.secret, 'utf8');
      return {
        load: atHand,
        verify: async (token, claims) =>
          (await jwtVerify(token, key, { ...claims, algorithms: ['HS256'] })).payload,
      };
    }
  }
}

/** Reads the claims of a token whose signature and times hold. */
function identityOf(claims: JWTPayload): Identity {
  const payload = isRecord(claims.payload) ? claims.payload : {};
  for (const type of [claims.type, payload.type]) {
    if (type !== undefined && type !== 'ACCESS') throw new ChatError('invalid_token');
  }
  return {
    userId: userIdOf(claims, payload),
    isAdmin: claims.role === 'admin',
    expiresAt: Number(claims.exp) * 1000,
  };
}

/** `user_id`, else `payload.userId`, else a decimal `sub`. The first that is present counts, also when it is no id. */
function userIdOf(claims: JWTPayload, payload: Readonly<Record<string, unknown>>): number {
  const claim = claims.user_id ?? payload.userId ?? claims.sub;
  const isDecimal = typeof claim === 'number' || (typeof claim === 'string' && /^[0-9]{1,10}$/.test(claim));
  const id = isDecimal ? Number(claim) : Number.NaN;
  if (!Number.isInteger(id) || id < 1 || id > MAX_INT32) throw new ChatError('invalid_token');
  return id;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Identities by token hash, the least recently used first. */
class RecentTokens {
  static readonly #MAX = 10_000;
  static readonly #KEEP_MS = 60_000;
  readonly #entries = new Map<string, { readonly identity: Identity; readonly until: number }>();

  get(key: string): Identity | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (entry.until <= Date.now()) return undefined;
    this.#entries.set(key, entry);
    return entry.identity;
  }

  set(key: string, identity: Identity): void {
    const until = Math.min(identity.expiresAt, Date.now() + RecentTokens.#KEEP_MS);
    this.#entries.set(key, { identity, until });
    if (this.#entries.size <= RecentTokens.#MAX) return;
    const oldest = this.#entries.keys().next().value;
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}
