import { describe, expect, test } from 'vitest';
import { createClientAddress } from '../../src/server/client-address.ts';

describe('the address of a client', () => {
  const addressOf = createClientAddress(['10.0.0.0/8', '192.168.1.1', '2001:db8:ffff::/48', '::1']);

  test.each([
    ['the peer', '203.0.113.1', undefined, '203.0.113.1'],
    ['the peer, whatever an untrusted one says', '203.0.113.1', '198.51.100.1', '203.0.113.1'],
    ['what a proxy says', '10.1.1.1', '198.51.100.1', '198.51.100.1'],
    ['a single trusted address', '192.168.1.1', '198.51.100.1', '198.51.100.1'],
    ['no neighbour of it', '192.168.1.2', '198.51.100.1', '192.168.1.2'],
    ['the last one, not what it claims', '10.1.1.1', '192.0.2.9, 198.51.100.1', '198.51.100.1'],
    [
      'the one before further proxies',
      '10.1.1.1',
      '192.0.2.9, 198.51.100.1, 10.2.2.2,10.3.3.3',
      '198.51.100.1',
    ],
    ['the first, when all are proxies', '10.1.1.1', '10.4.4.4, 10.2.2.2', '10.4.4.4'],
    ['the proxy, when it says nothing', '10.1.1.1', undefined, '10.1.1.1'],
    ['the proxy, when it says nonsense', '10.1.1.1', '198.51.100.1, unknown', '10.1.1.1'],
    ['the proxy, when it says nothing in it', '10.1.1.1', '', '10.1.1.1'],
    ['not misled by nonsense of the client', '10.1.1.1', '999.1.1.1, 198.51.100.1', '198.51.100.1'],
    ['with a port', '10.1.1.1', '198.51.100.1:4711', '198.51.100.1'],
    ['IPv4 in IPv6', '::ffff:203.0.113.1', undefined, '203.0.113.1'],
    ['a proxy that comes as IPv4 in IPv6', '::ffff:10.1.1.1', '::ffff:198.51.100.1', '198.51.100.1'],
    ['IPv6 by its /64', '2001:db8:1:2:3:4:5:6', undefined, '2001:db8:1:2::/64'],
    ['IPv6 in another spelling', '2001:0DB8:0001:2::', undefined, '2001:db8:1:2::/64'],
    ['IPv6 with a gap', '2001:db8::1', undefined, '2001:db8:0:0::/64'],
    ['IPv6 with a zone', 'fe80::1%eth0', undefined, 'fe80:0:0:0::/64'],
    ['what an IPv6 proxy says', '2001:db8:ffff::7', '[2001:db8:1:2::9]:443', '2001:db8:1:2::/64'],
    ['what the loopback says', '::1', '198.51.100.1', '198.51.100.1'],
    ['nobody knows', '', '198.51.100.1', 'unknown'],
  ])('%s', (_, peer, forwardedFor, expected) => {
    expect(addressOf(peer, forwardedFor)).toBe(expected);
  });

  test('nobody is trusted unless told so', () => {
    expect(createClientAddress([])('127.0.0.1', '198.51.100.1')).toBe('127.0.0.1');
  });
});
