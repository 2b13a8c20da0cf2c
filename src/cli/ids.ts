import { UsageError } from './command.ts';
import { parseUserId } from './token.ts';

const MAX_IDS = 10_000;

/** User ids and ranges, separated by commas or spaces: `1,2 5-9`; each once, in the order given. At least one. Throws a UsageError. */
export function parseUserIds(texts: readonly string[]): number[] {
  const parts = texts.flatMap((text) => text.split(/[\s,]+/)).filter((part) => part !== '');
  if (parts.length === 0) throw new UsageError('whom? User ids are needed: 1,2 or 1-8');
  const ids = new Set<number>();
  for (const part of parts) {
    const [first = '', last = first, ...more] = part.split('-');
    const from = parseUserId(more.length > 0 ? part : first);
    const to = parseUserId(last);
    if (to < from) throw new UsageError(`"${part}" is no range: the smaller id comes first`);
    if (to - from >= MAX_IDS) throw new UsageError(`"${part}": at most ${MAX_IDS} ids at a time`);
    for (let id = from; id <= to; id += 1) ids.add(id);
    if (ids.size > MAX_IDS) throw new UsageError(`at most ${MAX_IDS} ids at a time`);
  }
  return [...ids];
}
