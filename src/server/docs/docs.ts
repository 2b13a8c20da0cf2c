import { readFileSync } from 'node:fs';
import { contentHandler, redirectHandler } from '../content.ts';
import type { HttpHandler } from '../exchange.ts';
import { pageHandler } from './page.ts';
import { protoFilesHandler } from './proto-files.ts';

/** What the page needs. */
export interface DocsOptions {
  /** Makes a token for those who try the API; undefined: they bring their own. */
  readonly developmentToken: (() => Promise<string>) | undefined;
}

const ASSETS = new URL('assets/', import.meta.url);
const VIEWER = new URL('.', import.meta.resolve('swagger-ui-dist/package.json'));

/**
 * The descriptions of the REST API by path: a page to try it, the OpenAPI document, the proto files; and the inherited paths of the
 * three. All files are read now, and a path leads to one of them or nowhere.
 */
export function docsHandlers({ developmentToken }: DocsOptions): ReadonlyMap<string, HttpHandler> {
  const page = pageHandler(developmentToken);
  const yaml = asset('openapi.yaml', 'application/yaml');
  const script = 'text/javascript; charset=utf-8';
  return new Map([
    ['/docs', page],
    ['/docs/', redirectHandler('/docs')],
    ['/docs/openapi.yaml', yaml],
    ['/docs/openapi.json', asset('openapi.json', 'application/json')],
    ['/docs/swagger-ui-bundle.js', viewer('swagger-ui-bundle.js', script)],
    [
      '/docs/swagger-ui-bundle.js.LICENSE.txt',
      viewer('swagger-ui-bundle.js.LICENSE.txt', 'text/plain; charset=utf-8'),
    ],
    ['/docs/swagger-ui.css', viewer('swagger-ui.css', 'text/css; charset=utf-8')],
    ['/docs/viewer.js', asset('viewer.js', script)],
    ['/api/chat/swagger', redirectHandler('/api/chat/swagger/index.html')],
    ['/api/chat/swagger/', redirectHandler('/api/chat/swagger/index.html')],
    ['/api/chat/swagger/index.html', page],
    ['/api/chat/swagger/openapi.yaml', yaml],
    ['/api/chat/protos_download', protoFilesHandler()],
  ]);
}

function asset(name: string, type: string): HttpHandler {
  return contentHandler({ type, bytes: readFileSync(new URL(name, ASSETS)), isLarge: true });
}

/** A file of the viewer, as its package has it. */
function viewer(name: string, type: string): HttpHandler {
  return contentHandler({ type, bytes: readFileSync(new URL(name, VIEWER)), isLarge: true });
}
