import { describe, expect, test } from 'vitest';
import { clientParamsOf } from '../../src/auth/client-params.ts';

function params(headers: Record<string, string>) {
  return clientParamsOf(new Headers(headers), 'chat-client-id');
}

function general(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64').replace(/=+$/, '');
}

test('individual headers', () => {
  expect(
    params({
      'x-client-id': 'phone_1',
      'accept-language': 'fr, es-MX;q=0.8, en;q=0.5',
      'x-timezone': 'America/Mexico_City',
      'x-platform': 'Android',
      'x-client-version': '2.3.1',
    }),
  ).toEqual({
    clientId: 'phone_1',
    lang: 'es',
    timezone: 'America/Mexico_City',
    platform: 'android',
    clientVersion: '2.3.1',
  });
});

test('nothing given', () => {
  const nothing = {
    clientId: undefined,
    lang: 'en',
    timezone: '',
    platform: 'unknown',
    clientVersion: '1.0.0',
  };
  expect(params({})).toEqual(nothing);
  expect(params({ 'general-params-bin': '%%%', 'accept-language': 'en' })).toEqual(nothing);
});

describe('client id', () => {
  test('header, then cookie', () => {
    const cookie = 'a=b; chat-client-id=from-cookie; c=d';
    expect(params({ cookie }).clientId).toBe('from-cookie');
    expect(params({ cookie, 'x-client-id': 'from-header' }).clientId).toBe('from-header');
    expect(params({ cookie: 'chat-client-id=' }).clientId).toBeUndefined();
  });

  test('odd and long ids become a stable, plain one', () => {
    const odd = params({ 'x-client-id': 'a.b>*/..' }).clientId;
    expect(odd).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    expect(params({ 'x-client-id': 'a.b>*/..' }).clientId).toBe(odd);
    expect(params({ 'x-client-id': 'a'.repeat(65) }).clientId).not.toBe('a'.repeat(65));
    expect(params({ 'general-params-bin': general({ ClientId: 'x\0y' }) }).clientId).toMatch(
      /^[A-Za-z0-9_-]+$/,
    );
  });
});

describe('General-Params-Bin', () => {
  test('replaces the individual headers, padded or not', () => {
    const value = {
      Session: { userId: 99, sessionId: 's' },
      SessionToken: 'forged',
      Lang: 'es',
      ClientId: 'general',
      IANATimezone: 'Europe/Madrid',
      Platform: 'ios',
      ClientVersion: '9.9.9',
    };
    const expected = {
      clientId: 'general',
      lang: 'es',
      timezone: 'Europe/Madrid',
      platform: 'ios',
      clientVersion: '9.9.9',
    };
    for (const bin of [general(value), Buffer.from(JSON.stringify(value)).toString('base64')]) {
      expect(params({ 'general-params-bin': bin, 'x-client-id': 'other', 'x-platform': 'web' })).toEqual(
        expected,
      );
    }
  });

  test('makes no sense of what makes none', () => {
    const bin = general({
      Lang: 7,
      ClientId: ['x'],
      IANATimezone: "'; DROP",
      Platform: 'fridge',
      ClientVersion: '\n',
    });
    expect(params({ 'general-params-bin': bin })).toEqual({
      clientId: undefined,
      lang: 'en',
      timezone: '',
      platform: 'unknown',
      clientVersion: '1.0.0',
    });
  });
});

test.each([
  ['Mozilla/5.0 (X11; Linux x86_64) Firefox/130', 'web'],
  ['okhttp/4.12', 'android'],
  ['Chat/1 CFNetwork/1490 Darwin/23', 'ios'],
  ['curl/8', 'unknown'],
])('platform guessed from %s', (userAgent, platform) => {
  expect(params({ 'user-agent': userAgent }).platform).toBe(platform);
});
