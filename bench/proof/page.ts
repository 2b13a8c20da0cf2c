import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Report } from './report.ts';

/** In this order; as modules, so that each has its own names. */
const SCRIPTS = ['page/parts.js', 'page/charts.js', 'page/report.js'];

/** The report as one HTML file that needs nothing else: no network, no server. */
export function renderPage(report: Report): string {
  const uplot = join(dirname(createRequire(import.meta.url).resolve('uplot/package.json')), 'dist');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>Load proof: ${escapeHtml(report.verdict)}</title>
<style>${read(join(uplot, 'uPlot.min.css'))}</style>
<style>${readOwn('page/style.css')}</style>
</head>
<body>
<main id="report"></main>
<script type="application/json" id="data">${escapeJson(report)}</script>
<script>${read(join(uplot, 'uPlot.iife.min.js'))}</script>
${SCRIPTS.map((name) => `<script type="module">${readOwn(name)}</script>`).join('\n')}
</body>
</html>
`;
}

/** JSON that can't end its element, nor open a comment in it. */
function escapeJson(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

function readOwn(name: string): string {
  return read(new URL(name, import.meta.url));
}

function read(file: string | URL): string {
  return readFileSync(file, 'utf8');
}
