import type { PushToken, TokensRepository } from '../tokens-repository.ts';
import type { Db, Sql } from './db.ts';
import { guarded, retryConflicts } from './store-errors.ts';

/** First half of the advisory lock that lets one caller at a time claim a token. */
const TOKEN_LOCK = 7_242_803;

/** Push tokens in Postgres. */
export function createPostgresTokensRepository(db: Db): TokensRepository {
  return {
    saveToken: (userId, token) =>
      guarded(
        async () =>
          await retryConflicts(async () => {
            await db.transaction(async (tx) => await writeToken(tx, userId, token));
          }),
      ),
  };
}

async function writeToken(tx: Sql, userId: number, token: PushToken): Promise<void> {
  // Of two users that claim a token at the same time the second must see, and remove, the first one's row.
  await tx.query('SELECT pg_advisory_xact_lock($1::int, hashtext($2))', [TOKEN_LOCK, token.token]);
  await tx.query('DELETE FROM messaging_token WHERE token = $1 AND user_id <> $2::int', [
    token.token,
    userId,
  ]);
  const key =
    token.device === ''
      ? `(user_id, token) WHERE device = ''`
      : `(user_id, device, platform) WHERE device <> ''`;
  await tx.query(
    `INSERT INTO messaging_token (user_id, token, platform, platform_version, device, token_voip, is_voip, debug, lang)
      VALUES ($1::int, $2, $3, $4, $5, $6, $7, $8, $9)
      ON CONFLICT ${key} DO UPDATE SET token = excluded.token, platform = excluded.platform,
        platform_version = excluded.platform_version, token_voip = excluded.token_voip, is_voip = excluded.is_voip,
        debug = excluded.debug, lang = excluded.lang`,
    [
      userId,
      token.token,
      token.platform,
      token.platformVersion,
      token.device,
      token.tokenVoip === '' ? null : token.tokenVoip,
      token.isVoip,
      token.debug,
      token.lang,
    ],
  );
}
