/**
 * Writes what the service serves as a description of itself: the OpenAPI document made from the proto files with their comments.
 * `npm run generate` runs it; test/server/docs compares.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { openApiDocument } from './openapi/document.ts';

const root = new URL('../', import.meta.url);
const MAX_DESCRIPTOR_BYTES = 16_777_216;

/** The files by name, as they are served. */
export function descriptionFiles(): ReadonlyMap<string, Buffer> {
  const descriptors = execFileSync('buf', ['build', 'proto', '-o', '-'], {
    cwd: fileURLToPath(root),
    maxBuffer: MAX_DESCRIPTOR_BYTES,
  });
  const { version }: { version: string } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  const document = openApiDocument(descriptors, version);
  return new Map([
    [
      'openapi.yaml',
      Buffer.from(
        `# Made by \`npm run generate\` from proto/: edit that.\n${stringify(document, { lineWidth: 0, aliasDuplicateObjects: false })}`,
      ),
    ],
    ['openapi.json', Buffer.from(`${JSON.stringify(document, null, 1)}\n`)],
  ]);
}

/** What is kept of a file: undefined when there is none. */
export function keptFile(name: string): Buffer | undefined {
  const url = assetUrl(name);
  return existsSync(url) ? readFileSync(url) : undefined;
}

function assetUrl(name: string): URL {
  return new URL(`src/server/docs/assets/${name}`, root);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, content] of descriptionFiles()) writeFileSync(assetUrl(name), content);
}
