import { BlockList, isIP } from 'node:net';

/** Where a call comes from, for counting: an IPv4 address, or the /64 of an IPv6 address, which is what one customer has. */
export type ClientAddress = (peer: string, forwardedFor: string | undefined) => string;

const MAPPED_V4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;
const UNKNOWN = 'unknown';

/**
 * Reads addresses. What `X-Forwarded-For` says counts only when the peer is one of `trustedProxies` (addresses, or ranges in CIDR
 * notation): then the client is the last one in it that is not such a proxy itself, since everything left of that is
 * what the client claims. Nobody but proxies in it: the first of them. Something else than an address before the client is found: the peer.
 */
export function createClientAddress(trustedProxies: readonly string[]): ClientAddress {
  const trusted = blockListOf(trustedProxies);
  const isTrusted = (address: string): boolean =>
    trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  return (peer, forwardedFor) => {
    const direct = plainAddress(peer);
    if (direct === undefined) return UNKNOWN;
    if (forwardedFor === undefined || !isTrusted(direct)) return groupOf(direct);
    let client = direct;
    for (const part of forwardedFor.split(',').reverse()) {
      const address = plainAddress(withoutPort(part.trim()));
      if (address === undefined) return groupOf(direct);
      client = address;
      if (!isTrusted(address)) break;
    }
    return groupOf(client);
  };
}

function blockListOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [network = '', prefix] = range.split('/');
    const family = isIP(network) === 6 ? 'ipv6' : 'ipv4';
    if (prefix === undefined) list.addAddress(network, family);
    else list.addSubnet(network, Number(prefix), family);
  }
  return list;
}

/** Some proxies write `address:port`, or `[address]:port`. */
function withoutPort(text: string): string {
  return /^\[(.+)\](?::\d+)?$/.exec(text)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)?.[1] ?? text;
}

/** An IPv4 address that comes as an IPv6 one is what it is, and the zone of a link is left out; undefined for anything else. */
function plainAddress(text: string): string | undefined {
  const address = text.split('%')[0] ?? '';
  const v4 = MAPPED_V4.exec(address)?.[1];
  if (v4 !== undefined && isIP(v4) === 4) return v4;
  return isIP(address) === 0 ? undefined : address;
}

function groupOf(address: string): string {
  if (isIP(address) === 4) return address;
  // The canonical form has no zeros in front, and at most one gap.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = tail === undefined ? 0 : 8 - left.length - right.length;
  const groups = [...left, ...Array.from({ length: gap }, () => '0'), ...right];
  return `${groups.slice(0, 4).join(':')}::/64`;
}
