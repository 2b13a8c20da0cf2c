/** Who calls, proved by a verified token, and what its client told about itself. */
export interface Caller {
  readonly userId: number;
  /** The token carries `role` = `admin`. */
  readonly isAdmin: boolean;
  /** When the token expires, milliseconds since the epoch. */
  readonly expiresAt: number;
  readonly client: ClientParams;
}

/**
 * What a client says about itself. Nothing in it is ever an identity.
 * Sources: `General-Params-Bin`, else the individual headers (behaviour 1.2).
 */
export interface ClientParams {
  /** The explicit client id: header, cookie or general parameters; undefined when the client gave none. */
  readonly clientId: string | undefined;
  /** `en` or `es`. */
  readonly lang: string;
  /** IANA name, empty when unknown. */
  readonly timezone: string;
  readonly platform: 'web' | 'android' | 'ios' | 'unknown';
  readonly clientVersion: string;
}
