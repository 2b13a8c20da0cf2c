import { Code, ConnectError, type Transport } from '@connectrpc/connect';
import { isUnauthenticated } from './retry.ts';

/** A token, or what fetches one; asked again when the service no longer accepts the one before. */
export type TokenSource = string | (() => Promise<string>);

/** A provider that does not answer must not hold up everything. */
const PROVIDER_TIMEOUT_MS = 30_000;

/** The token in use. Everybody who finds it refused at the same time shares one request for the next. */
export class Tokens {
  readonly #source: TokenSource;
  #token: string | undefined;
  #asking: Promise<string> | undefined;

  constructor(source: TokenSource) {
    this.#source = source;
  }

  /** A fixed token stays what it is. */
  get canRenew(): boolean {
    return typeof this.#source !== 'string';
  }

  async current(): Promise<string> {
    return this.#token ?? (await this.renew(undefined));
  }

  /** The token after `refused`: a new one, unless somebody has got one meanwhile. Rejects with a ConnectError. */
  async renew(refused: string | undefined): Promise<string> {
    if (typeof this.#source === 'string') return this.#source;
    if (this.#token !== undefined && this.#token !== refused) return this.#token;
    this.#asking ??= this.#ask(this.#source).finally(() => {
      this.#asking = undefined;
    });
    return await this.#asking;
  }

  async #ask(provider: () => Promise<string>): Promise<string> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      const error = new ConnectError('the token provider does not answer', Code.Unavailable);
      timer = setTimeout(() => reject(error), PROVIDER_TIMEOUT_MS);
    });
    try {
      this.#token = await Promise.race([provider(), late]);
      return this.#token;
    } catch (error) {
      // It may be out of reach like the service itself. One that knows better throws a ConnectError, say `unauthenticated`.
      if (error instanceof ConnectError) throw error;
      throw new ConnectError('no token', Code.Unavailable, undefined, undefined, error);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Who calls, as headers. */
export function identity(token: string, clientId: string): Readonly<Record<string, string>> {
  return { Authorization: `Bearer ${token}`, 'X-Client-Id': clientId };
}

/**
 * The same transport, where each call says who calls. A call that is refused for its token is repeated once with the next one; a
 * stream is not: its reader knows where to resume.
 */
export function identified(inner: Transport, tokens: Tokens, clientId: string): Transport {
  const merge = (header: ConstructorParameters<typeof Headers>[0], token: string): Headers => {
    const headers = new Headers(header);
    for (const [name, value] of Object.entries(identity(token, clientId))) headers.set(name, value);
    return headers;
  };
  return {
    async unary(method, signal, timeoutMs, header, input, values) {
      const token = await tokens.current();
      try {
        return await inner.unary(method, signal, timeoutMs, merge(header, token), input, values);
      } catch (error) {
        if (!tokens.canRenew || !isUnauthenticated(error)) throw error;
        const next = await tokens.renew(token);
        return await inner.unary(method, signal, timeoutMs, merge(header, next), input, values);
      }
    },
    async stream(method, signal, timeoutMs, header, input, values) {
      const token = await tokens.current();
      return await inner.stream(method, signal, timeoutMs, merge(header, token), input, values);
    },
  };
}
