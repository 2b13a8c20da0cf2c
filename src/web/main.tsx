import { options, render } from 'preact';
import { sessions } from './model/session.ts';
import { App } from './ui/app.tsx';
import './ui/ui.css';

/** A tab that nobody sees has no frames, and its title counts what is unread all the same. */
const HIDDEN_FRAME_MS = 250;

// Drawn once a frame, however many events have come since the last.
options.debounceRendering = (draw) => {
  const late = setTimeout(draw, HIDDEN_FRAME_MS);
  requestAnimationFrame(() => {
    clearTimeout(late);
    draw();
  });
};

const root = document.getElementById('app');
if (root !== null) {
  // The skeleton of index.html has done its work.
  root.replaceChildren();
  render(<App sessions={sessions} query={new URLSearchParams(location.search)} />, root);
}
