import { stripVTControlCharacters } from 'node:util';
import { expect, it } from 'vitest';
import { type BannerFacts, renderBanner } from '../../src/cli/banner.ts';

const facts: BannerFacts = {
  url: 'http://127.0.0.1:8080',
  embedded: ['Postgres, data in .data', 'broker'],
  connected: [],
  hasWeb: true,
  hasDocs: true,
  makesTokens: true,
  example: { roomId: '00000000-0000-4000-8000-000000000001', content: 'FTjACrMgPp+PNjS5r3ZzQQ==' },
};

it('tells where it listens, what is embedded, how to get a token and how to send a message', () => {
  const text = renderBanner(facts, false);
  expect(text).toContain('http://127.0.0.1:8080');
  expect(text).toContain('Postgres, data in .data');
  expect(text).toContain('npm run -s token -- 1');
  expect(text).toContain('curl');
  expect(text).toContain('--as 2 --with 1');
  expect(text).toContain('http://127.0.0.1:8080/docs');
  expect(text).toContain('http://127.0.0.1:8080/?as=1&with=2');
});

it('is coloured only when asked, and says the same', () => {
  expect(stripVTControlCharacters(renderBanner(facts, false))).toBe(renderBanner(facts, false));
  expect(renderBanner(facts, true)).not.toBe(renderBanner(facts, false));
  expect(stripVTControlCharacters(renderBanner(facts, true))).toBe(renderBanner(facts, false));
});

it('names another address in its commands', () => {
  const text = renderBanner({ ...facts, url: 'http://127.0.0.1:9999' }, false);
  expect(text).toContain('--url http://127.0.0.1:9999');
  expect(text).toContain('curl -sS http://127.0.0.1:9999/');
});

it('offers nothing that would not work', () => {
  const text = renderBanner(
    { ...facts, hasWeb: false, hasDocs: false, makesTokens: false, example: undefined },
    false,
  );
  expect(text).not.toContain('npm run');
  expect(text).not.toContain('curl');
  expect(text).not.toContain('/docs');
  expect(text).not.toContain('browser');
});
