import { render } from 'preact';
import { sessions } from './model/session.ts';
import { App } from './ui/app.tsx';
import './ui/ui.css';

const root = document.getElementById('app');
if (root !== null) {
  // The skeleton of index.html has done its work.
  root.replaceChildren();
  render(<App sessions={sessions} query={new URLSearchParams(location.search)} />, root);
}
