import { describe, expect, it } from 'vitest';
import { parseOptions } from '../../bench/proof/options.ts';

describe('the options of the load proof', () => {
  it('have defaults that run on this machine', () => {
    expect(parseOptions([])).toMatchObject({
      ...{ users: 200, rooms: 50, rate: 100, seconds: 30, rampSeconds: 5 },
      ...{ chaos: undefined, findMax: false, origin: undefined, stack: 'embedded', seed: 1 },
    });
    expect(parseOptions(['--for', '2m', '--chaos', 'kill-nats'])).toMatchObject({
      seconds: 120,
      stack: 'real',
    });
    expect(parseOptions([], 'real')).toMatchObject({ stack: 'real', rate: 500 });
    expect(parseOptions(['--stack', 'embedded'], 'real')).toMatchObject({ stack: 'embedded', rate: 100 });
    expect(parseOptions(['--url', 'http://127.0.0.1:1'], 'real')).toMatchObject({ rate: 100 });
    expect(parseOptions(['--help'])).toBe('help');
  });

  it.each(['http://127.0.0.1:8080', 'http://localhost:1', 'http://[::1]:8080', 'http://127.9.9.9/path'])(
    'load %s',
    (url) => expect(parseOptions(['--url', url])).toMatchObject({ origin: new URL(url).origin }),
  );

  it.each([
    'http://chat.example.com',
    'https://10.0.0.1',
    'http://127.0.0.1.example.com',
    'http://localhost.example',
  ])('load %s only when told so', (url) => {
    expect(() => parseOptions(['--url', url])).toThrow('another machine');
    expect(parseOptions(['--url', url, '--allow-remote'])).toMatchObject({ origin: url });
  });

  it.each([
    [['--rate', '0'], '--rate 0: a whole number'],
    [['--rate', 'fast'], '--rate fast: a whole number'],
    [['--for', '30'], undefined],
    [['--for', '30h'], '--for 30h: a time'],
    [['--for', '0s'], '--for 0s: a time'],
    [['--chaos', 'unplug'], 'there is only restart-server, kill-nats'],
    [['--users', '10', '--rooms', '50'], 'too few'],
    [['--url', 'ftp://127.0.0.1'], 'an address like'],
    [['--url', 'http://127.0.0.1:1', '--chaos', 'kill-nats'], 'not with --url'],
    [['--url', 'http://127.0.0.1:1', '--stack', 'real'], 'not with --url'],
    [['--stack', 'embedded', '--chaos', 'kill-nats'], 'needs --stack real'],
    [['--find-max', '--chaos', 'restart-server'], 'do not go together'],
    [['--find-max', '--counts-only'], 'do not go together'],
    [['--speed', '1'], '--speed'],
  ] as const)('%j', (argv, refusal) => {
    if (refusal === undefined) expect(parseOptions(argv)).toMatchObject({ seconds: 30 });
    else expect(() => parseOptions(argv)).toThrow(refusal);
  });
});
