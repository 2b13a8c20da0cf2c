import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Connection } from '../model/model.ts';
import { Avatar } from './avatar.tsx';
import { Icon } from './icons.tsx';
import { usePane } from './pane-state.ts';

const SECOND_MS = 1_000;

/** Who one is, how the connection stands, and the two switches of the demonstration. */
export function TopBar() {
  const { model, showsInspector } = usePane();
  const { me } = model;
  const { state } = model.connection.value;
  return (
    <header class="top-bar">
      <Avatar id={me.id} name={me.name} picture={me.avatar} size={32} />
      <div class="who">
        <h1>{me.name}</h1>
        <ConnectionState />
      </div>
      <label class="switch">
        <span>Offline</span>
        <input
          type="checkbox"
          role="switch"
          checked={state === 'switched-off'}
          aria-checked={state === 'switched-off'}
          onChange={(event) => model.setOnline(!event.currentTarget.checked)}
        />
      </label>
      <button
        type="button"
        class="icon-button"
        aria-label="Inspector"
        title="Inspector: what goes over the wire"
        aria-pressed={showsInspector.value}
        onClick={() => {
          showsInspector.value = !showsInspector.value;
        }}
      >
        <Icon name="pulse" />
      </button>
      <a class="icon-button" href="/" aria-label="Sign out" title="Sign out">
        <Icon name="leave" />
      </a>
    </header>
  );
}

function ConnectionState() {
  const connection = usePane().model.connection.value;
  const seconds = useSecondsUntil(connection.state === 'offline' ? connection.retryAt : undefined);
  const { waiting, role, reason } = connection;
  return (
    <p class="connection" role="status" title={reason}>
      <span class={`dot ${connection.state}`} />
      <span>{stateText(connection, seconds)}</span>
      {waiting > 0 ? <span class="waiting">{waiting} waiting</span> : null}
      {connection.state === 'online' ? <span class="role">{role}</span> : null}
    </p>
  );
}

function stateText({ state, reason, retryAt }: Connection, seconds: number | undefined): string {
  if (state === 'online') return 'Online';
  if (state === 'connecting') return 'Connecting…';
  if (state === 'switched-off') return 'Offline by the switch';
  // Nobody tries again by himself: only the reason tells what to do.
  if (retryAt === undefined) return reason ?? 'Offline';
  return seconds === undefined || seconds < 1 ? 'Reconnecting…' : `Reconnecting in ${seconds} s`;
}

/** Counts down to a time; undefined without one. */
function useSecondsUntil(at: number | undefined): number | undefined {
  const now = useSignal(Date.now());
  useEffect(() => {
    if (at === undefined) return;
    now.value = Date.now();
    const timer = setInterval(() => {
      now.value = Date.now();
    }, SECOND_MS);
    return () => clearInterval(timer);
  }, [at, now]);
  return at === undefined ? undefined : Math.max(0, Math.ceil((at - now.value) / SECOND_MS));
}
