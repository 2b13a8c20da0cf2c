/** Line drawings of 24 by 24, drawn in the colour of the text around them. */
const PATHS = {
  search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14Zm5 12 4 4',
  plus: 'M12 5v14M5 12h14',
  back: 'm14 6-6 6 6 6',
  close: 'M6 6l12 12M18 6 6 18',
  more: 'M5 11.5a.5.5 0 1 0 0 1 .5.5 0 0 0 0-1Zm7 0a.5.5 0 1 0 0 1 .5.5 0 0 0 0-1Zm7 0a.5.5 0 1 0 0 1 .5.5 0 0 0 0-1Z',
  send: 'M4.5 11.5 20 4l-5.5 16-3-6.5-7-2Zm7 2L20 4',
  reply: 'M9 6 4 11l5 5M4 11h9a7 7 0 0 1 7 7v1',
  forward: 'm15 6 5 5-5 5m5-5h-9a7 7 0 0 0-7 7v1',
  smile: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM8 14.5s1.3 2 4 2 4-2 4-2M9 9.5h.01M15 9.5h.01',
  edit: 'M4 20h4L19.5 8.5a2.1 2.1 0 0 0-4-4L4 16v4Zm9.5-13.5 4 4',
  trash: 'M4 7h16M9 7V4h6v3m3 0-1 13H7L6 7m4 4v5m4-5v5',
  copy: 'M9 9h11v11H9zM15 9V4H4v11h5',
  eye: 'M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12ZM12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5Z',
  pin: 'M9 4h6l-1 6 3 3v2H7v-2l3-3-1-6Zm3 11v6',
  mute: 'M6 16V11a6 6 0 0 1 9.3-5M18 10v6h1.5H8M10 19.5a2.2 2.2 0 0 0 4 0M4 4l16 16',
  bell: 'M6 16v-5a6 6 0 0 1 12 0v5l1.5 1h-15L6 16Zm4 3.5a2.2 2.2 0 0 0 4 0',
  block: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM5.7 5.7l12.6 12.6',
  leave: 'M10 4H5v16h5M15 8l4 4-4 4M9 12h10',
  info: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Zm0 8v5M12 8h.01',
  down: 'M12 5v14m-6-6 6 6 6-6',
  pulse: 'M3 12h4l3-8 4 16 3-8h4',
  person: 'M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM4.5 20c.8-3.6 3.7-5.5 7.5-5.5s6.7 1.9 7.5 5.5',
  group:
    'M9 5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7ZM2.5 19.5c.6-3 3-4.7 6.5-4.7s5.9 1.7 6.5 4.7M16 5.3a3.5 3.5 0 0 1 0 6.4M18 15.2c2 .6 3.2 2.1 3.6 4.3',
  channel: 'M4 10v4h3l8 4.5v-13L7 10H4Zm14-1.5a5 5 0 0 1 0 7M8 14v5h2.5',
  alert: 'M12 4 2.8 20h18.4L12 4Zm0 6v4.5M12 17.2h.01',
  check: 'm5 12.5 4.5 4.5L19 7',
  star: 'm12 4 2.4 5.2 5.6.7-4.1 3.9 1.1 5.6-5-2.8-5 2.8 1.1-5.6L4 9.9l5.6-.7L12 4Z',
  columns: 'M4 5h16v14H4zM12 5v14',
  lock: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3',
  bubbles: 'M4 5h11v8H8l-4 3V5Zm14 4h2v10l-3-2.5H9.5V16',
} as const;

/** What can be drawn. */
export type IconName = keyof typeof PATHS;

/** Draws it; screen readers pass over it. */
export function Icon({ name, size = 20 }: { readonly name: IconName; readonly size?: number }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" width={size} height={size} aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
