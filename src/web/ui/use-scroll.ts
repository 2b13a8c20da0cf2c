import { type ReadonlySignal, useSignal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { MessageView } from '../model/model.ts';

/** Closer than this to the newest counts as being there, in pixels. */
const END_PX = 60;

/**
 * The position in a list that grows at both ends. The list is laid out from its end (`column-reverse`), so that what comes above moves
 * nothing; what comes below is followed by a reader at the end, and moves nothing for one who reads further up.
 */
export function useScroll(messages: readonly MessageView[]): {
  readonly element: { current: HTMLDivElement | null };
  readonly isAtEnd: ReadonlySignal<boolean>;
  /** How many came since the reader left the end. */
  readonly missed: ReadonlySignal<number>;
  onScroll(): void;
  toEnd(): void;
} {
  const element = useRef<HTMLDivElement>(null);
  const isAtEnd = useSignal(true);
  const missed = useSignal(0);
  const last = useRef<{ readonly key: string; readonly below: number } | undefined>(undefined);
  const hasStarted = useRef(false);

  const toEnd = (): void => {
    if (element.current !== null) element.current.scrollTop = 0;
    isAtEnd.value = true;
    missed.value = 0;
  };
  const onScroll = (): void => {
    isAtEnd.value = Math.abs(element.current?.scrollTop ?? 0) < END_PX;
    if (isAtEnd.value) missed.value = 0;
  };

  useLayoutEffect(() => {
    const scroller = element.current;
    const newest = messages.at(-1);
    if (scroller === null || newest === undefined) return;
    const before = last.current;
    last.current = { key: newest.key, below: spaceBelow(scroller, newest.key) };
    if (!hasStarted.current) {
      hasStarted.current = true;
      // Where the reading went on, when that is further up than the window shows.
      scroller.querySelector('.new-line')?.scrollIntoView({ block: 'nearest' });
      return;
    }
    if (before === undefined || before.key === newest.key) return;
    const known = messages.findIndex(({ key }) => key === before.key);
    const added = known < 0 ? [] : messages.slice(known + 1);
    if (isAtEnd.peek() || newest.tick === 'waiting') return toEnd();
    scroller.scrollTop -= spaceBelow(scroller, before.key) - before.below;
    missed.value += added.filter(({ isMine }) => !isMine).length;
  });
  return { element, isAtEnd, missed, onScroll, toEnd };
}

/** Pixels between the lower edges of a message and of the whole content. */
function spaceBelow(scroller: HTMLElement, key: string): number {
  const content = scroller.firstElementChild?.getBoundingClientRect().bottom ?? 0;
  const message = scroller.querySelector(`[data-key="${CSS.escape(key)}"]`)?.getBoundingClientRect().bottom;
  return message === undefined ? 0 : content - message;
}
