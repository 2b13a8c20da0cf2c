import { options, render } from 'preact';
import { sessions } from './model/session.ts';
import { App } from './ui/app.tsx';
import './ui/ui.css';

let drawnAt = 0;
let drawingMs = 0;

// Rests as long as it has drawn: what a user does is drawn at once, and a flood of events once for many of them.
options.debounceRendering = (draw) => {
  const timed = (): void => {
    const from = performance.now();
    draw();
    drawnAt = performance.now();
    drawingMs = drawnAt - from;
  };
  const restMs = drawnAt + drawingMs - performance.now();
  if (restMs <= 0) queueMicrotask(timed);
  else setTimeout(timed, restMs);
};

const root = document.getElementById('app');
if (root !== null) {
  // The skeleton of index.html has done its work.
  root.replaceChildren();
  render(<App sessions={sessions} query={new URLSearchParams(location.search)} />, root);
}
