import { Icon } from './icons.tsx';
import { usePane } from './pane-state.ts';

/** What went wrong, said aloud and shown for a few seconds. */
export function Toasts() {
  const { toasts } = usePane();
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((toast) => (
        <div key={toast.number} class="toast">
          <Icon name="alert" size={18} />
          <span>{toast.text}</span>
          <button
            type="button"
            class="icon-button small"
            aria-label="Dismiss"
            onClick={() => {
              toasts.value = toasts.value.filter((one) => one !== toast);
            }}
          >
            <Icon name="close" size={16} />
          </button>
        </div>
      ))}
    </div>
  );
}
