/** How the stream is, for every tab. */
export interface StreamStatus {
  readonly state: 'connecting' | 'online' | 'offline';
  /** Why it is offline, in words. */
  readonly reason: string | undefined;
  /** Milliseconds since 1970. */
  readonly retryAt: number | undefined;
}

/** What tabs of one user tell each other. */
export type TabNote =
  /** By the holder of the stream: an event of the service, in Protobuf. */
  | { readonly kind: 'event'; readonly bytes: Uint8Array }
  /** By the holder: everything up to this cursor was told. */
  | { readonly kind: 'position'; readonly cursor: string }
  /** By the holder: events are missing here. */
  | { readonly kind: 'resync'; readonly reason: string }
  | { readonly kind: 'status'; readonly status: StreamStatus }
  /** By a new tab: how is the stream? */
  | { readonly kind: 'hello' }
  /** By whoever has changed a room in a way of which the service sends no event. */
  | { readonly kind: 'changed'; readonly roomId: string };

/** The note in a message of another tab; undefined when it is none: a tab may show another version of this page. */
export function noteIn(data: unknown): TabNote | undefined {
  if (!isObject(data)) return undefined;
  const { kind, bytes, cursor, reason, status, roomId } = data;
  if (kind === 'hello') return { kind };
  if (kind === 'event' && bytes instanceof Uint8Array) return { kind, bytes };
  if (kind === 'position' && typeof cursor === 'string') return { kind, cursor };
  if (kind === 'resync' && typeof reason === 'string') return { kind, reason };
  if (kind === 'changed' && typeof roomId === 'string') return { kind, roomId };
  if (kind === 'status' && isStatus(status)) return { kind, status };
  return undefined;
}

function isStatus(value: unknown): value is StreamStatus {
  if (!isObject(value)) return false;
  const { state, reason, retryAt } = value;
  return (
    (state === 'connecting' || state === 'online' || state === 'offline') &&
    (reason === undefined || typeof reason === 'string') &&
    (retryAt === undefined || typeof retryAt === 'number')
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
