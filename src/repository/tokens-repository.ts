/** Push tokens of devices, always in Postgres. */
export interface TokensRepository {
  /**
   * One row per user, device and platform, or per user and token when `device` is empty.
   * A token that belonged to another user leaves that user.
   */
  saveToken(userId: number, token: PushToken): Promise<void>;
}

/** A device's push token. */
export interface PushToken {
  readonly token: string;
  readonly platform: 'IOS' | 'ANDROID' | 'WEB';
  readonly platformVersion: string;
  readonly device: string;
  readonly tokenVoip: string;
  readonly isVoip: boolean;
  readonly debug: boolean;
  readonly lang: string;
}
