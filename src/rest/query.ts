import { unreadable } from './unreadable.ts';

/** Names and values of a query, decoded, in their order. Throws {@link unreadable} for what is no UTF-8 in percent-encoding. */
export function queryPairs(query: string): (readonly [name: string, value: string])[] {
  return query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const at = pair.indexOf('=');
      const [name, value] = at === -1 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
      return [decode(name.replaceAll('+', ' ')), decode(value.replaceAll('+', ' '))];
    });
}

/** The text behind percent-encoding; throws {@link unreadable} when there is none. */
export function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw unreadable();
  }
}
