import { type HttpHandler, readOnly } from '../exchange.ts';
import { isOnThisMachine } from '../this-machine.ts';

/** What the page may do: run and show what comes from here, and call this service. Its stylesheet has its icons in it. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * The page that shows the API and lets people try it. `developmentToken` fills in a token; it is asked only for a browser on this
 * machine that shows the page itself, since whoever reads the page has the token.
 */
export function pageHandler(developmentToken: (() => Promise<string>) | undefined): HttpHandler {
  return readOnly((request, response) => {
    const answer = (token: string): void => {
      const bytes = Buffer.from(pageOf(token));
      response.statusCode = 200;
      response.setHeader('content-type', 'text/html; charset=utf-8');
      response.setHeader('content-length', bytes.length);
      // There may be a token in it.
      response.setHeader('cache-control', 'no-store');
      response.setHeader('content-security-policy', POLICY);
      if (request.method === 'HEAD') response.end();
      else response.end(bytes);
    };
    if (developmentToken === undefined || !isOnThisMachine(request)) answer('');
    else developmentToken().then(answer, () => answer(''));
  });
}

/** A token consists of letters, digits, dots, dashes and underscores: nothing in it has a meaning in HTML. */
function pageOf(token: string): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="referrer" content="no-referrer">
    <meta name="development-token" content="${token}">
    <title>ChatMessages API</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="/docs/swagger-ui.css">
    <script src="/docs/swagger-ui-bundle.js" defer></script>
    <script src="/docs/viewer.js" defer></script>
  </head>
  <body>
    <noscript>This page needs JavaScript. The document behind it is <a href="/docs/openapi.yaml">openapi.yaml</a>.</noscript>
    <main id="viewer"></main>
  </body>
</html>
`;
}
