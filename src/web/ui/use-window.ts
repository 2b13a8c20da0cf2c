import { useSignal } from '@preact/signals';
import type { MessageView } from '../model/model.ts';

/** With thousands of messages on the page every key would take a second. */
const MAX_SHOWN = 200;
/** Much fewer than are shown, so that what the reader sees stays among them. */
const STEP = 50;

/** The part of a conversation that is on the page. */
export interface MessageWindow {
  /** At most 200, one after the other. */
  readonly shown: readonly MessageView[];
  /** How many loaded ones stand before it. */
  readonly start: number;
  /** Loaded ones stand after it. */
  readonly hasAfter: boolean;
  up(): void;
  down(): void;
  toEnd(): void;
  /** Brings that message onto the page. */
  toMessage(key: string): void;
}

/** Shows the newest messages until it is moved; afterwards it stays where it is, whatever comes at either end. */
export function useWindow(messages: readonly MessageView[]): MessageWindow {
  /** Undefined: the newest, whichever that is. */
  const lastKey = useSignal<string | undefined>(undefined);
  const at = lastKey.value === undefined ? -1 : messages.findIndex(({ key }) => key === lastKey.value);
  const end = at < 0 ? messages.length : at + 1;
  const start = Math.max(0, end - MAX_SHOWN);
  const endAt = (wanted: number): void => {
    const next = Math.max(wanted, MAX_SHOWN);
    lastKey.value = next >= messages.length ? undefined : messages[next - 1]?.key;
  };
  return {
    shown: messages.slice(start, end),
    start,
    hasAfter: end < messages.length,
    up: () => endAt(end - Math.min(STEP, start)),
    down: () => endAt(end + STEP),
    toEnd: () => endAt(messages.length),
    toMessage(key) {
      const index = messages.findIndex((one) => one.key === key);
      if (index >= 0 && (index < start || index >= end)) endAt(index + MAX_SHOWN / 2);
    },
  };
}
