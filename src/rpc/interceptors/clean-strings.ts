import { invalidRequest } from '../../chat/errors.ts';

/**
 * Refuses a request that holds, in any text at any depth, a NUL character (Postgres can't store it) or half a surrogate
 * pair (no UTF-8). Throws `invalid_request_data`. Depth and size are bounded by the parser before.
 */
export function assertCleanStrings(value: unknown): void {
  if (typeof value === 'string') {
    if (value.includes('\0') || !value.isWellFormed()) throw invalidRequest();
  } else if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) {
    for (const part of Object.values(value)) assertCleanStrings(part);
  }
}
