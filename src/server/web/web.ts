import { readFileSync } from 'node:fs';
import { contentHandler } from '../content.ts';
import { answerJson, answerText, type HttpHandler, readOnly } from '../exchange.ts';
import { isOnThisMachine } from '../this-machine.ts';

/** Signing in without a token, for who tries the service out. */
export interface DemoSessions {
  readonly users: readonly DemoPerson[];
  /** A token of that user, and the keys of the messages. */
  open(userId: number): Promise<DemoSession>;
}

/** Whom one can sign in as. */
export interface DemoPerson {
  readonly id: number;
  readonly name: string;
  readonly avatar: string;
}

/** What the page calls the service with. */
export interface DemoSession {
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** Master key and IV, hex. */
  readonly chatKey: string;
  readonly chatIv: string;
}

const ASSETS = new URL('assets/', import.meta.url);

/** What the page may do: run and style itself, call this service, show pictures from elsewhere (avatars). */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: https:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * The web chat by path: the page, what it loads, and how one signs in. Demo users are for browsers on this machine only: everybody else,
 * and everybody without `demo`, brings a token and the keys. All files are read now.
 */
export function webHandlers(demo: DemoSessions | undefined): ReadonlyMap<string, HttpHandler> {
  return new Map([
    ['/', asset('index.html', 'text/html; charset=utf-8', { 'content-security-policy': POLICY })],
    ['/web/app.js', asset('app.js', 'text/javascript; charset=utf-8')],
    ['/web/app.css', asset('app.css', 'text/css; charset=utf-8')],
    ['/web/setup', setupHandler(demo)],
    ['/web/session', sessionHandler(demo)],
  ]);
}

function asset(name: string, type: string, headers: Readonly<Record<string, string>> = {}): HttpHandler {
  const bytes = readFileSync(new URL(name, ASSETS));
  return contentHandler({ type, bytes, isLarge: true, headers: () => headers });
}

function setupHandler(demo: DemoSessions | undefined): HttpHandler {
  return readOnly((request, response) => {
    const demoUsers = isOnThisMachine(request) ? (demo?.users ?? []) : [];
    answerJson(request, response, 200, { demoUsers });
  });
}

/** Whoever reads the answer has the token and the keys: it is never stored, and only for a page of this service on this machine. */
function sessionHandler(demo: DemoSessions | undefined): HttpHandler {
  return readOnly((request, response) => {
    if (demo === undefined) return answerText(request, response, 404, 'there are no demo users here');
    if (!isOnThisMachine(request)) {
      return answerText(request, response, 403, 'demo users are for a browser on this machine');
    }
    const query = new URLSearchParams((request.url ?? '').split('?', 2)[1]);
    const user = demo.users.find(({ id }) => String(id) === query.get('user'));
    if (user === undefined) return answerText(request, response, 404, 'there is no such demo user');
    demo.open(user.id).then(
      (session) => answerJson(request, response, 200, session),
      () => answerText(request, response, 500, 'no token could be made'),
    );
  });
}
