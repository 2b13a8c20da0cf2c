/**
 * `node .ci/readme.ts [DOCUMENT …]`: runs the commands of documents as a reader would, each against the service that it starts, and
 * compares what they print.
 *
 * An HTML comment before a shell block says how:
 *
 * - `ci: service` runs until the end, or until the next one (a document without gets one); `ci: kill` kills it (SIGKILL)
 * - `ci: follow` runs beside the blocks after it; `ci: stack` too, once it is ready
 * - `ci: run` has to end well (those share one shell, as in one terminal); `ci: database` too, with an empty database in place of the one that
 *   it names
 * - `ci: chat` is typed into
 *
 * A block after `ci: prints` is all that the block before it prints, one after `ci: shows` is part of what the newest `ci: follow` does; `…`
 * stands for anything.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { freePort } from '../test/support/ports.ts';
import { blocksOf } from './documents/blocks.ts';
import { DOCUMENTED_ADDRESS, Reader } from './documents/reader.ts';

const DOCUMENTS = [
  'README.md',
  'docs/first-five-minutes.md',
  'docs/grpc.md',
  'docs/connect.md',
  'docs/grpc-web.md',
];
/** For a document that starts none. */
const SERVICE = { how: 'service', text: 'npm start\n' };
const { argv } = process;

for (const path of argv.length > 2 ? argv.slice(2) : DOCUMENTS) await read(path);

async function read(path: string): Promise<void> {
  console.log(`\n### ${path}`);
  const address = (await isFree(8080)) ? DOCUMENTED_ADDRESS : `127.0.0.1:${await freePort()}`;
  const reader = new Reader(address);
  try {
    const blocks = blocksOf(readFileSync(path, 'utf8'));
    if (!blocks.some(({ how }) => how === 'service')) await reader.take(SERVICE);
    for (const block of blocks) await reader.take(block);
    await reader.stopService();
    console.log(`\nthe commands of ${path} work, and the service ended with exit code 0`);
  } catch (error) {
    console.error(`the service printed:\n${reader.serviceOutput}`);
    throw error;
  } finally {
    reader.close();
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const listening = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (listening) await new Promise((resolve) => server.close(resolve));
  return listening;
}
