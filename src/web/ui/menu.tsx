import { useLayoutEffect, useRef } from 'preact/hooks';
import { Icon } from './icons.tsx';
import { type MenuItem, type MenuRequest, usePane } from './pane-state.ts';

const MARGIN = 8;

/** Opens a menu below an element. */
export function menuAt(element: Element, label: string, items: () => readonly MenuItem[]): MenuRequest {
  const { left, bottom } = element.getBoundingClientRect();
  return { label, x: left, y: bottom + 4, items };
}

/** Opens a menu where the pointer is; by the keyboard, at the element. */
export function menuAtPointer(
  event: MouseEvent,
  label: string,
  items: () => readonly MenuItem[],
): MenuRequest {
  const element = event.currentTarget;
  if (event.clientX === 0 && element instanceof Element) return menuAt(element, label, items);
  return { label, x: event.clientX, y: event.clientY, items };
}

/** Shows the pane's menu: in front of everything, closed by Escape, a click elsewhere or a choice. */
export function MenuHost() {
  const request = usePane().menu.value;
  return request === undefined ? null : <Menu request={request} />;
}

function Menu({ request }: { readonly request: MenuRequest }) {
  const pane = usePane();
  const ref = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = ref.current;
    if (element === null) return;
    // A choice may open the next menu before the browser has told that this one is closed.
    if (!element.matches(':popover-open')) element.showPopover();
    const { width, height } = element.getBoundingClientRect();
    const left = Math.min(request.x, window.innerWidth - width - MARGIN);
    const top = request.y + height + MARGIN > window.innerHeight ? request.y - height - MARGIN : request.y;
    element.style.left = `${Math.max(MARGIN, left)}px`;
    element.style.top = `${Math.max(MARGIN, top)}px`;
    itemsOf(element)[0]?.focus();
  }, [request]);
  const items = request.items();
  const isPalette = items.every((item) => item.emoji !== undefined);
  const forget = (): void => {
    if (pane.menu.peek() === request) pane.menu.value = undefined;
  };
  return (
    <div
      ref={ref}
      popover="auto"
      role="menu"
      aria-label={request.label}
      class={isPalette ? 'menu palette' : 'menu'}
      onToggle={(event) => event.newState === 'closed' && forget()}
      onKeyDown={moveFocus}
    >
      {items.map((item) => (
        <MenuButton key={item.label} item={item} close={() => ref.current?.hidePopover()} />
      ))}
    </div>
  );
}

function MenuButton({ item, close }: { readonly item: MenuItem; readonly close: () => void }) {
  return (
    <button
      type="button"
      role="menuitem"
      class={item.isDanger === true ? 'menu-item danger' : 'menu-item'}
      aria-label={item.emoji === undefined ? undefined : item.label}
      onClick={() => {
        // First, so that the focus is back where it was before the choice moves it on.
        close();
        item.run();
      }}
    >
      {item.icon === undefined ? null : <Icon name={item.icon} size={18} />}
      {item.emoji ?? item.label}
    </button>
  );
}

function moveFocus(event: KeyboardEvent & { readonly currentTarget: HTMLElement }): void {
  const items = itemsOf(event.currentTarget);
  const at = items.findIndex((item) => item.matches(':focus'));
  const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  if (event.key === 'Tab') event.currentTarget.hidePopover();
  if (step === undefined) return;
  event.preventDefault();
  items.at((at + step) % items.length)?.focus();
}

function itemsOf(menu: HTMLElement): HTMLElement[] {
  return [...menu.querySelectorAll<HTMLElement>('[role=menuitem]')];
}
