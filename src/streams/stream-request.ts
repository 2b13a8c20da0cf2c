/** Who opens a stream, and what he wants of it. */
export interface StreamRequest {
  readonly userId: number;
  readonly clientId: string;
  /** Only this room, when the user is in it. */
  readonly roomId?: string;
  /** Resume strictly after this point. */
  readonly cursor?: string;
  /** When the token expires, milliseconds since the epoch. */
  readonly expiresAt: number;
  /** `web`, `android`, `ios` or `unknown`. */
  readonly platform: string;
}
