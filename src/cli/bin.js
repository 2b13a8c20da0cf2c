#!/usr/bin/env node
// Where `npx connect-chat` begins. The service and its commands are TypeScript without a build, which needs Node 24.9; where an older one
// comes first on PATH, the one that npm has installed beside this takes over. So this file is plain JavaScript for any Node.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NEEDED = '24.9';
const main = fileURLToPath(new URL('../main.ts', import.meta.url));

if (process.versions.node.localeCompare(NEEDED, 'en', { numeric: true }) >= 0) {
  await import('../main.ts');
} else {
  const node = bundledNode();
  if (node === undefined) {
    console.error(
      `connect-chat needs Node ${NEEDED}, and this is ${process.version}: install it, or run npm ci`,
    );
    process.exit(1);
  }
  handOver(node);
}

/** Node as a package; undefined where there is none for this system. */
function bundledNode() {
  try {
    const name = `node-${process.platform}-${process.arch}/package.json`;
    return join(dirname(createRequire(import.meta.url).resolve(name)), 'bin', 'node');
  } catch {
    return undefined;
  }
}

/** The other process is what this one would be: same terminal, same signals, same end. */
function handOver(node) {
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  // A terminal tells all of its processes of Ctrl-C itself, and the second SIGINT would end the service at once.
  const isTold = [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY);
  process.on('SIGINT', () => isTold || child.kill('SIGINT'));
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`Node ${NEEDED} can't be started: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    process.exit(signal === null ? (code ?? 1) : 128 + constants.signals[signal]);
  });
}
