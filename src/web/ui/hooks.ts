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
