import type { HandlerContext } from '@connectrpc/connect';
import { ChatError } from '../../chat/errors.ts';
import type { Limits } from '../../limits/limits.ts';
import type { Logger } from '../../logger.ts';
import { peerKey } from '../context.ts';
import { type ErrorOrigin, tooMuch } from './errors.ts';

/** What {@link createPatience} needs. */
export interface PatienceDeps {
  readonly limits: Pick<Limits, 'failedAuthentications'>;
  /** Where a call comes from, by the peer's address and what a proxy may have said. */
  readonly clientAddress: (peer: string, forwardedFor: string | undefined) => string;
  readonly logger: Logger;
}

/** With addresses whose calls prove nothing. */
export interface Patience {
  /** Throws `rate limit exceeded` for a call from an address that has tried too often; before its token is looked at. */
  check(context: HandlerContext, origin: ErrorOrigin): void;
  /** Counts a call that was refused, if that was because it proves nothing. Throws the same when it was too much. */
  failed(context: HandlerContext, origin: ErrorOrigin, error: unknown): Promise<void>;
}

/** Refuses by address. Says once when that may hit everybody behind a proxy that nobody has named. */
export function createPatience({ limits, clientAddress, logger }: PatienceDeps): Patience {
  const { failedAuthentications } = limits;
  let warned = false;
  const addressOf = (context: HandlerContext): string =>
    clientAddress(context.values.get(peerKey), context.requestHeader.get('x-forwarded-for') ?? undefined);
  const refuse = (context: HandlerContext, origin: ErrorOrigin, waitMs: number): never => {
    const address = addressOf(context);
    const isPeer = address === clientAddress(context.values.get(peerKey), undefined);
    if (!warned && isPeer && context.requestHeader.has('x-forwarded-for')) {
      warned = true;
      logger.warn(
        { address },
        'calls from an address are refused after failed authentications; if it is a proxy, name it in TRUSTED_PROXIES',
      );
    }
    throw tooMuch(waitMs, origin);
  };
  return {
    check(context, origin) {
      const waitMs = failedAuthentications.refusedFor(() => addressOf(context));
      if (waitMs > 0) refuse(context, origin, waitMs);
    },
    async failed(context, origin, error) {
      if (!provesNothing(error)) return;
      const waitMs = await failedAuthentications.failed(addressOf(context));
      if (waitMs > 0) refuse(context, origin, waitMs);
    },
  };
}

/** As opposed to a caller who may not do that, and to keys that can't be had. */
function provesNothing(error: unknown): boolean {
  return error instanceof ChatError && (error.reason === 'invalid_token' || error.reason === 'token_expired');
}
