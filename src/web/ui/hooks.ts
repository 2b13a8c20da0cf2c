import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';

/** Does something once, when the component is on the page. */
export function useAtStart(work: () => void): void {
  const first = useRef(work);
  useEffect(() => first.current(), []);
}

/** The same before anything is painted; what it answers is done when the component goes. */
export function useBeforePaint(work: () => (() => void) | undefined): void {
  const first = useRef(work);
  useLayoutEffect(() => first.current(), []);
}

/** Gives the focus back to what had it before, when it is inside of the element and that goes. */
export function useFocusReturn(element: { readonly current: HTMLElement | null }): void {
  useBeforePaint(() => {
    const before = document.activeElement;
    return () => {
      const isInside = element.current?.contains(document.activeElement) === true;
      if (isInside && before instanceof HTMLElement) before.focus();
    };
  });
}
