import { findOnPath, isProgram } from './path.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const PLACES = [
  '/usr/bin/chromium',
  '/usr/lib/chromium/chromium',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** The Chromium that `CHROMIUM` names, that is on PATH or where it is usually installed; undefined when there is none. */
export function findChromium(): string | undefined {
  const named = process.env.CHROMIUM ?? '';
  if (named !== '') return isProgram(named) ? named : undefined;
  return NAMES.map(findOnPath).find((file) => file !== undefined) ?? PLACES.find(isProgram);
}
