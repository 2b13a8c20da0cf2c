import { type ReadonlySignal, useSignal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { MessageView } from '../model/model.ts';
import { type MessageWindow, useWindow } from './use-window.ts';

/** Closer than this to the newest counts as being there, in pixels. */
const END_PX = 60;

/** What was on the page the last time. */
interface Before {
  /** The newest message of all, and the last one on the page. */
  readonly newest: string;
  readonly last: string | undefined;
  /** One in the middle of the page, which is still there when the window has moved by a step. */
  readonly anchor: string;
  /** The pixels below it; undefined while the reader is at the end: measuring is dear, and nothing is kept in place there. */
  readonly below: number | undefined;
}

/**
 * The position in a list that grows at both ends. The list is laid out from its end (`column-reverse`), so that what comes above moves
 * nothing; what comes below is followed by a reader at the end, and moves nothing for one who reads further up.
 */
export function useScroll(messages: readonly MessageView[]): {
  readonly element: { current: HTMLDivElement | null };
  readonly window: MessageWindow;
  readonly isAtEnd: ReadonlySignal<boolean>;
  /** How many came since the reader left the end. */
  readonly missed: ReadonlySignal<number>;
  onScroll(): void;
  toEnd(): void;
  /** Leaves the end for that message, which is on the page afterwards. */
  toMessage(key: string): void;
} {
  const element = useRef<HTMLDivElement>(null);
  const isAtEnd = useSignal(true);
  const missed = useSignal(0);
  const last = useRef<Before | undefined>(undefined);
  const hasStarted = useRef(false);
  /** The last `scrollTop` that was heard of: to ask for it, or to set it, lays the page out. */
  const position = useRef(0);
  const window = useWindow(messages);

  const toEnd = (): void => {
    if (element.current !== null && position.current !== 0) element.current.scrollTop = 0;
    position.current = 0;
    window.toEnd();
    isAtEnd.value = true;
    missed.value = 0;
  };
  const onScroll = (): void => {
    const scroller = element.current;
    if (scroller === null) return;
    position.current = scroller.scrollTop;
    isAtEnd.value = !window.hasAfter && Math.abs(position.current) < END_PX;
    if (isAtEnd.value) missed.value = 0;
    else if (last.current !== undefined && last.current.below === undefined) {
      last.current = { ...last.current, below: spaceBelow(scroller, last.current.anchor) };
    }
  };
  const toMessage = (key: string): void => {
    isAtEnd.value = false;
    window.toMessage(key);
  };

  useLayoutEffect(() => {
    const scroller = element.current;
    const newest = messages.at(-1);
    if (scroller === null || newest === undefined) return;
    const before = last.current;
    const now = placeIn(window, newest.key);
    last.current = now;
    if (!hasStarted.current) {
      hasStarted.current = true;
      // Where the reading went on, when that is further up than the window shows.
      scroller.querySelector('.new-line')?.scrollIntoView({ block: 'nearest' });
      return;
    }
    const isNew = before !== undefined && before.newest !== now.newest;
    const isMoved = before !== undefined && before.last !== now.last;
    if ((isNew || isMoved) && (isAtEnd.peek() || (isNew && newest.tick === 'waiting'))) return toEnd();
    if (isAtEnd.peek()) return;
    last.current = { ...now, below: spaceBelow(scroller, now.anchor) };
    if (before === undefined || !(isNew || isMoved)) return;
    const below = spaceBelow(scroller, before.anchor);
    if (below !== undefined && before.below !== undefined) scroller.scrollTop -= below - before.below;
    if (isNew) missed.value += addedBy(messages, before.newest);
  });
  return { element, window, isAtEnd, missed, onScroll, toEnd, toMessage };
}

function placeIn({ shown }: MessageWindow, newest: string): Before {
  const anchor = shown[Math.floor(shown.length / 2)]?.key ?? newest;
  return { newest, last: shown.at(-1)?.key, anchor, below: undefined };
}

/** How many messages others have written since that one was the newest. */
function addedBy(messages: readonly MessageView[], before: string): number {
  const known = messages.findIndex(({ key }) => key === before);
  return known < 0 ? 0 : messages.slice(known + 1).filter(({ isMine }) => !isMine).length;
}

/** Pixels between the lower edges of a message and of the whole content; undefined when it is not on the page. */
function spaceBelow(scroller: HTMLElement, key: string): number | undefined {
  const content = scroller.firstElementChild?.getBoundingClientRect().bottom ?? 0;
  const message = scroller.querySelector(`[data-key="${CSS.escape(key)}"]`)?.getBoundingClientRect().bottom;
  return message === undefined ? undefined : content - message;
}
