import type { ComponentChildren } from 'preact';
import { useId, useRef } from 'preact/hooks';
import { useBeforePaint } from './hooks.ts';
import { Icon } from './icons.tsx';
import { usePane } from './pane-state.ts';

/** A modal dialog of the pane: the focus stays in it, and goes back where it was when Escape or a button closes it. */
export function Dialog(props: { readonly title: string; readonly children: ComponentChildren }) {
  const pane = usePane();
  const title = useId();
  const ref = useRef<HTMLDialogElement>(null);
  useBeforePaint(() => {
    const element = ref.current;
    element?.showModal();
    return () => element?.close();
  });
  const close = (): void => {
    // The browser gives the focus back at `close`, and only to what is still there.
    ref.current?.close();
    pane.dialog.value = undefined;
  };
  return (
    <dialog
      ref={ref}
      class="dialog"
      aria-labelledby={title}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onPointerDown={(event) => event.target === ref.current && close()}
    >
      <div class="dialog-body">
        <header class="dialog-head">
          <h2 id={title}>{props.title}</h2>
          <button type="button" class="icon-button" aria-label="Close" onClick={close}>
            <Icon name="close" />
          </button>
        </header>
        {props.children}
      </div>
    </dialog>
  );
}
