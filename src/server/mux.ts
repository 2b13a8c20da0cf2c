import type * as http from 'node:http';
import type * as http2 from 'node:http2';
import * as net from 'node:net';

/** One listening port that hands each connection to the server of the protocol it speaks. */
export interface Mux {
  /** Rejects when the address can't be had. */
  listen(port: number, host: string): Promise<net.AddressInfo>;
  /**
   * Stops accepting, tells HTTP/2 peers to go away, closes idle HTTP/1.1 connections and waits for running requests;
   * destroys what is left when `deadline` aborts. May be called before `listen` and twice.
   */
  close(deadline: AbortSignal): Promise<void>;
}

export interface MuxOptions {
  readonly http1: http.Server;
  readonly http2: http2.Http2Server;
  /** A connection that hasn't said within this time what it speaks is closed. */
  readonly firstBytesTimeoutMs: number;
  /** More connections at once are closed unanswered. */
  readonly maxConnections: number;
}

/** How every HTTP/2 connection with prior knowledge begins. */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const BACKLOG = 4096;
const IDLE_SWEEP_MS = 100;

/**
 * One cleartext port for HTTP/1.1 and h2c.
 *
 * - Neither of the two servers listens itself: connections are handed over once their first bytes tell the protocol,
 *   and the bytes read so far are put back first.
 * - A connection is either undecided (and under the first-bytes timeout), or owned by one of the servers (and under its timeouts).
 */
export function createMux({ http1, http2: h2, firstBytesTimeoutMs, maxConnections }: MuxOptions): Mux {
  const sockets = new Set<net.Socket>();
  const undecided = new Set<net.Socket>();
  const sessions = new Set<http2.Http2Session>();
  let closing = false;

  h2.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    if (closing) session.close();
  });
  // A server that never listens doesn't sweep for slow headers and requests unless told that it does.
  http1.emit('listening');

  const server = net.createServer(
    { noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 },
    (socket) => {
      sockets.add(socket);
      undecided.add(socket);
      socket.once('close', () => {
        sockets.delete(socket);
        undecided.delete(socket);
      });
      decide(socket, firstBytesTimeoutMs, (isHttp2) => {
        undecided.delete(socket);
        (isHttp2 ? h2 : http1).emit('connection', socket);
        if (!isHttp2) socket.resume();
      });
    },
  );
  server.maxConnections = maxConnections;

  return {
    listen: (port, host) => listen(server, port, host),
    async close(deadline) {
      closing = true;
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      for (const session of sessions) session.close();
      for (const socket of undecided) socket.destroy();
      // It never listened, so this only ends its sweep and its idle connections.
      http1.close(() => {});
      const sweep = setInterval(() => http1.closeIdleConnections(), IDLE_SWEEP_MS);
      const destroyAll = (): void => {
        for (const socket of sockets) socket.destroy();
      };
      deadline.addEventListener('abort', destroyAll, { once: true });
      if (deadline.aborted) destroyAll();
      await closed;
      clearInterval(sweep);
      deadline.removeEventListener('abort', destroyAll);
    },
  };
}

/** Reads until the bytes are a preface or can't become one any more; puts them back before telling. */
function decide(socket: net.Socket, timeoutMs: number, decided: (isHttp2: boolean) => void): void {
  let head: Buffer = Buffer.alloc(0);
  const giveUp = (): void => {
    socket.destroy();
  };
  const onReadable = (): void => {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) return;
    head = Buffer.concat([head, chunk]);
    const length = Math.min(head.length, PREFACE.length);
    const mayBeHttp2 = head.compare(PREFACE, 0, length, 0, length) === 0;
    if (mayBeHttp2 && length < PREFACE.length) return;
    socket.off('readable', onReadable).off('error', giveUp).off('timeout', giveUp).off('end', giveUp);
    socket.setTimeout(0);
    socket.unshift(head);
    decided(mayBeHttp2);
  };
  socket.on('readable', onReadable).on('error', giveUp).on('timeout', giveUp).on('end', giveUp);
  socket.setTimeout(timeoutMs);
}

async function listen(server: net.Server, port: number, host: string): Promise<net.AddressInfo> {
  return await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, BACKLOG, () => {
      server.off('error', reject);
      const address = server.address();
      if (typeof address === 'object' && address !== null) resolve(address);
      else reject(new Error('the server has no address'));
    });
  });
}
