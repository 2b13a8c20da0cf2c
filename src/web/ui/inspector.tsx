import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { Frame } from '../model/model.ts';
import { useFocusReturn } from './hooks.ts';
import { Icon } from './icons.tsx';
import { usePane } from './pane-state.ts';
import { preciseTimeText } from './time.ts';

const FILTERS: readonly (readonly [kind: Frame['kind'] | 'all', label: string])[] = [
  ['all', 'All'],
  ['call', 'Calls'],
  ['frame', 'Frames'],
  ['drop', 'Dropped'],
  ['status', 'Status'],
];
/** Details that say where the stream stands. */
const CURSORS = ['cursor', 'resumeAt'];
const MAX_ROWS = 200;

/** What went over the wire: calls, frames of the stream with their cursors, what came twice and was dropped. */
export function Inspector() {
  const { model, showsInspector } = usePane();
  const element = useRef<HTMLElement>(null);
  useFocusReturn(element);
  const filter = useSignal<Frame['kind'] | 'all'>('all');
  const cleared = useSignal(0);
  const frames = model.frames.value.filter(({ number }) => number > cleared.value);
  const shown = frames.filter(({ kind }) => filter.value === 'all' || kind === filter.value).slice(-MAX_ROWS);
  const close = (): void => {
    showsInspector.value = false;
  };
  return (
    <aside
      ref={element}
      class="inspector"
      aria-label="Inspector"
      onKeyDown={(event) => {
        if (event.key === 'Escape') close();
      }}
    >
      <header class="inspector-head">
        <h2>
          <Icon name="pulse" size={16} /> Inspector
        </h2>
        <fieldset class="segments small" aria-label="Kind of frame">
          {FILTERS.map(([kind, label]) => (
            <button
              key={kind}
              type="button"
              aria-pressed={filter.value === kind}
              onClick={() => {
                filter.value = kind;
              }}
            >
              {label}
            </button>
          ))}
        </fieldset>
        <button
          type="button"
          class="button small"
          onClick={() => {
            cleared.value = frames.at(-1)?.number ?? cleared.value;
          }}
        >
          Clear
        </button>
        <button type="button" class="icon-button small" aria-label="Close inspector" onClick={close}>
          <Icon name="close" size={18} />
        </button>
      </header>
      {/* Laid out from its end, so that it stays at the newest row until somebody scrolls up. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be in reach of the keyboard */}
      <section class="frames" tabIndex={0} aria-label="Frames">
        <table>
          <thead>
            <tr>
              <th scope="col">Time</th>
              <th scope="col">Kind</th>
              <th scope="col">Name</th>
              <th scope="col">Outcome</th>
              <th scope="col">ms</th>
              <th scope="col">Details</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((frame) => (
              <FrameRow key={frame.number} frame={frame} />
            ))}
          </tbody>
        </table>
        {shown.length === 0 ? <p class="hint">Nothing yet.</p> : null}
      </section>
    </aside>
  );
}

function FrameRow({ frame }: { readonly frame: Frame }) {
  const { at, kind, name, outcome, durationMs, details } = frame;
  return (
    <tr class={`frame ${kind}${outcome === '' || outcome === 'ok' ? '' : ' bad'}`}>
      <td class="dim">{preciseTimeText(at)}</td>
      <td>
        <span class={`kind ${kind}`}>{kind}</span>
      </td>
      <td>{name}</td>
      <td class="outcome">{outcome}</td>
      <td class="number">{durationMs === undefined ? '' : Math.round(durationMs)}</td>
      <td class="facts">
        {details.map(([label, value]) => (
          <span
            key={label}
            class={CURSORS.includes(label) ? 'fact cursor' : 'fact'}
            title={`${label} ${value}`}
          >
            <i>{label}</i> {value}
          </span>
        ))}
      </td>
    </tr>
  );
}
