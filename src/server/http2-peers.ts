import type { Http2Server, Http2Session } from 'node:http2';

/**
 * Pings every session and destroys one whose answer stays away: a peer that vanished without closing
 * would hold its streams for ever.
 */
export function pingSessions(server: Http2Server, intervalMs: number, timeoutMs: number): void {
  server.on('session', (session) => {
    let overdue: NodeJS.Timeout | undefined;
    const settle = (): void => {
      clearTimeout(overdue);
      overdue = undefined;
    };
    const timer = setInterval(() => {
      if (session.destroyed) return;
      overdue ??= setTimeout(() => session.destroy(), timeoutMs);
      ping(session, settle);
    }, intervalMs);
    timer.unref();
    session.once('close', () => {
      clearInterval(timer);
      settle();
    });
  });
}

function ping(session: Http2Session, answered: () => void): void {
  session.ping((error) => {
    if (error === null) answered();
  });
}
