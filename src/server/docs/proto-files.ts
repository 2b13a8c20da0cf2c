import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { zipSync } from 'fflate';
import { contentHandler } from '../content.ts';
import type { HttpHandler } from '../exchange.ts';

const PROTO = new URL('../../../proto/', import.meta.url);
/** The first day that an archive can tell, wherever this runs: the same files make the same archive. */
const NO_DAY = '1980-01-01T00:00:00';

/** Serves every proto file as an archive, by its path as others import it, under a name that tells when it was asked for. */
export function protoFilesHandler(): HttpHandler {
  return contentHandler({
    type: 'application/zip',
    bytes: Buffer.from(zipSync(protoFiles(), { mtime: NO_DAY, level: 9 })),
    headers: () => ({ 'content-disposition': `attachment; filename="${archiveName(new Date())}"` }),
  });
}

function protoFiles(): Record<string, Uint8Array> {
  const names = readdirSync(fileURLToPath(PROTO), { recursive: true, encoding: 'utf8' })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => name.endsWith('.proto'))
    .sort();
  return Object.fromEntries(names.map((name) => [name, readFileSync(new URL(name, PROTO))]));
}

/** With the time in UTC. */
function archiveName(now: Date): string {
  const [day = '', time = ''] = now.toISOString().replace(/[-:]/g, '').split(/[T.]/);
  return `proto_sources_${day}_${time}.zip`;
}
