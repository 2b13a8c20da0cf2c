import type { StreamPosition } from './ports.ts';

/** Longest text that is looked at; ours are far shorter. */
const MAX_CURSOR_CHARS = 512;

/** A point in the history as opaque text for clients. */
export function encodeCursor({ epoch, sequence }: StreamPosition): string {
  return Buffer.from(`${sequence} ${epoch}`).toString('base64url');
}

/** The point that a cursor names; undefined for a text that {@link encodeCursor} does not produce. Never throws. */
export function decodeCursor(cursor: string): StreamPosition | undefined {
  if (cursor.length > MAX_CURSOR_CHARS) return undefined;
  const [, digits, epoch] = /^(\d{1,15}) (.+)$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (digits === undefined || epoch === undefined) return undefined;
  const position = { epoch, sequence: Number(digits) };
  return encodeCursor(position) === cursor ? position : undefined;
}
