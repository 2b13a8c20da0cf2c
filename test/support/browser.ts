import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { describe, inject } from 'vitest';
import { findChromium } from './chromium.ts';

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const SCREENSHOTS = fileURLToPath(new URL('../../test-results/screenshots', import.meta.url));

/** Tests that need a real browser; where there is none they are skipped, and listed at the end of the run. */
export function describeInBrowser(name: string, tests: () => void): void {
  describe.runIf(inject('canStart').chromium)(name, tests);
}

/** Starts a headless Chromium; whoever starts it closes it. */
export async function startBrowser(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error('there is no Chromium (CHROMIUM names one)');
  return await chromium.launch({ executablePath, args: ARGUMENTS });
}

/** Keeps what the page shows as `test-results/screenshots/<name>.png`. */
export async function keepScreenshot(page: Page, name: string): Promise<void> {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: `${SCREENSHOTS}/${name}.png`, animations: 'disabled' });
}
