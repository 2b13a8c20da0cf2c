/** What the parent may ask of the floor server. */
export type FloorCommand =
  /** Answer these reads with these messages (base64) from now on. */
  | { readonly kind: 'answers'; readonly rooms: string; readonly history: string }
  /** Write one ready envelope (base64) `times` times to every open stream. */
  | { readonly kind: 'broadcast'; readonly envelope: string; readonly times: number };

/** The ports on which the floor server listens. */
export type FloorReady = { readonly http1: number; readonly http2: number };

/** Path of the bare streams. */
export const STREAM_PATH = '/stream';
