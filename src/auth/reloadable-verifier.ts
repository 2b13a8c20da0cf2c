import type { Logger } from '../logger.ts';
import { createTokenVerifier, type TokenVerifier, type VerifierOptions } from './token-verifier.ts';

/** A verifier whose keys can be exchanged while it is in use. */
export interface ReloadableVerifier extends Pick<TokenVerifier, 'verify'> {
  /**
   * From now on verifies by these, and what was verified by the ones before does not count any more. A key set is read anew; when
   * it can't be read this rejects, and the keys before stay in use: better those than none.
   */
  reload(options: VerifierOptions): Promise<void>;
}

/** Verifies tokens like {@link createTokenVerifier}. */
export function createReloadableVerifier(options: VerifierOptions, logger: Logger): ReloadableVerifier {
  let current = createTokenVerifier(options, logger);
  return {
    verify: async (token) => await current.verify(token),
    async reload(next) {
      const verifier = createTokenVerifier(next, logger);
      await verifier.load();
      current = verifier;
    },
  };
}
