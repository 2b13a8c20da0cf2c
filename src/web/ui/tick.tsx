import type { Tick } from '../model/model.ts';

const SIGNS: Readonly<Record<Tick, readonly [label: string, path: string]>> = {
  waiting: ['Waiting to be sent', 'M9 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11ZM9 5v3.2l2 1.3'],
  sent: ['Sent', 'm4 8.5 3.2 3.2L14 5'],
  read: ['Read', 'm1 8.5 3.2 3.2L11 5m-3 5.2 1.5 1.5L17 5'],
  failed: ['Not sent', 'M9 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11ZM9 5v3.5M9 10.7v.1'],
};

/** Where an own message stands: a clock, one tick, two ticks, an exclamation mark. */
export function TickMark({ tick }: { readonly tick: Tick }) {
  const [label, path] = SIGNS[tick];
  return (
    <svg class={`tick ${tick}`} viewBox="0 0 18 16" width={18} height={16} role="img" aria-label={label}>
      <title>{label}</title>
      <path d={path} />
    </svg>
  );
}
