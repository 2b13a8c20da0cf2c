import { isIP } from 'node:net';
import type { HttpRequest } from './exchange.ts';

/**
 * Asked by a browser on this machine that shows a page of this service: whom one may hand a development token. No proxy in between, nor a
 * page of another origin, nor one whose name was made to lead here: browsers tell of the former in `Origin` and `Sec-Fetch-Site`, and
 * the latter is in the host.
 */
export function isOnThisMachine({ headers, socket }: HttpRequest): boolean {
  const host = String(headers.host ?? headers[':authority'] ?? '');
  const site = headers['sec-fetch-site'];
  return (
    isLoopback(socket.remoteAddress ?? '') &&
    isLoopback(host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')) &&
    headers['x-forwarded-for'] === undefined &&
    headers.forwarded === undefined &&
    headers.origin === undefined &&
    (site === undefined || site === 'none' || site === 'same-origin')
  );
}

function isLoopback(host: string): boolean {
  const address = host.replace(/^::ffff:/i, '');
  return host === 'localhost' || address === '::1' || (isIP(address) === 4 && address.startsWith('127.'));
}
